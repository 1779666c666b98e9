"""The commands as people and programs run them: real processes, a data folder of their own, no network."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from interviewer.cli import main
from interviewer.config import corpus_dir
from interviewer.domain.questions import Bank
from interviewer.domain.text import detect_language
from interviewer.storage import open_store
from tests.spoken_interview import spoken_interview

ROOT = Path(__file__).parents[1]
SEEDS = sorted((ROOT.parent / "shared" / "seeds").glob("*.txt"))


class Shell:
    """Runs `python -m interviewer …` with its own data folder."""

    def __init__(self, data: Path) -> None:
        self.data = data
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("INTERVIEWER_", "OPENAI_"))}
        self.env = {**kept, "INTERVIEWER_DATA": str(data), "HF_HUB_OFFLINE": "1", "PYTHONUTF8": "1", "PYTHONWARNINGS": "ignore"}

    def __call__(self, *args: object, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "interviewer", *map(str, args)]
        return subprocess.run(
            command, input=stdin, capture_output=True, text=True, encoding="utf-8", env=self.env | env, timeout=240, check=False
        )

    def json(self, *args: object, **more: str) -> object:
        done = self(*args, "--json", **more)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)


@pytest.fixture(scope="module")
def shell(tmp_path_factory: pytest.TempPathFactory) -> Shell:
    return Shell(tmp_path_factory.mktemp("data"))


def test_help_is_instant_because_nothing_heavy_is_imported(shell: Shell) -> None:
    program = (
        "import sys\nfrom interviewer.cli import main\n"
        "try: main(['--help'])\nexcept SystemExit as e: assert e.code == 0\n"
        "heavy = {'torch','transformers','faiss','gradio','sklearn','numpy','sqlalchemy','openai','sentence_transformers'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=shell.env, check=False)
    assert done.returncode == 0, done.stderr
    assert "chat" in done.stdout


def test_it_ends_with_its_status_while_a_thread_is_inside_a_model(shell: Shell, tmp_path: Path) -> None:
    """As when an interview is over before its model has loaded. Python's own way out would abort."""
    program = """
import sys
from importlib import import_module
command_line = import_module("interviewer.cli.main")
main = command_line.main

def with_a_model(argv):
    global tidied
    import tempfile, threading, torch
    layers = torch.nn.Sequential(*(torch.nn.Linear(64, 64) for _ in range(10)))
    begun = threading.Event()
    def work():
        while True:
            layers(torch.ones(1, 64))
            begun.set()
    threading.Thread(target=work, daemon=True).start()
    begun.wait()
    tidied = tempfile.TemporaryDirectory(dir=sys.argv[1])
    return main(argv)

command_line.main = with_a_model
sys.exit(command_line.program(sys.argv[2:]))
"""
    for args, status in ((["sessions", "--json"], 0), (["export", "nothing-like-it"], 1)):
        command = [sys.executable, "-c", program, str(tmp_path), *args]
        done = subprocess.run(command, capture_output=True, text=True, env=shell.env, timeout=240, check=False)
        assert done.returncode == status, done.stderr
        assert "terminate" not in done.stderr
        assert (json.loads(done.stdout) == []) if status == 0 else "nothing-like-it" in done.stderr
        assert list(tmp_path.iterdir()) == []


def test_wrong_usage_is_2(shell: Shell) -> None:
    assert shell("nonsense").returncode == 2
    for args in (["search"], ["chat", "--level", "9"], ["serve", "--port", "many"], ["grade", "--engine", "magic"]):
        with pytest.raises(SystemExit) as ended:
            main(args)
        assert ended.value.code == 2


@pytest.mark.parametrize(
    "args",
    [
        ["ingest", "{tmp}/missing.md"],
        ["chat", "--topics", "cooking"],
        ["chat", "--resume", "no-such-id"],
        ["chat", "--engine", "transformers"],
        ["export", "no-such-id"],
        ["sessions", "--delete", "no-such-id"],
        ["grade", "--question", "what is the capital of France?", "--answer", "Paris"],
        ["grade", "--question", "quantisation"],
        ["grade", "--answer", "x"],
        ["grade", "--batch", "{tmp}/missing.jsonl", "--out", "{tmp}/out.jsonl"],
        ["grade", "--batch", os.devnull, "--out", "{tmp}"],
        ["grade", "--engine", "transformers", "--model", "{tmp}/none", "--question", "quantisation", "--answer", "x"],
        ["grade", "--base-url", "http://127.0.0.1:9/v1", "--question", "quantisation", "--answer", "x"],
        ["grade", "--batch", "{tmp}/same.jsonl", "--out", "{tmp}/./same.jsonl"],
        ["index", "--check", "{tmp}/missing.yaml"],
        ["index", "{tmp}/missing.txt"],
    ],
)
def test_a_persons_mistake_is_1_in_one_clear_line(
    args: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("INTERVIEWER_DATA", str(tmp_path / "data"))
    assert main([arg.format(tmp=tmp_path) for arg in args]) == 1
    lines = capsys.readouterr().err.strip().splitlines()
    assert lines[-1].startswith("interviewer: "), lines
    assert not any("Traceback" in line for line in lines)


def test_a_bad_variable_is_named(shell: Shell) -> None:
    done = shell("doctor", INTERVIEWER_PORT="many")
    assert done.returncode == 1
    assert done.stderr.startswith("interviewer: port")


@pytest.mark.skipif(len(SEEDS) != 5, reason="the seed documents are not beside this checkout")
def test_the_seed_documents_are_ingested_saved_indexed_and_interviewed_from(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "data")
    report = shell.json("ingest", *SEEDS)
    files = report["files"]  # type: ignore[index, call-overload]
    assert [f["questions"] for f in files] == [50, 40, 24, 30, 6]
    assert [f["answers"] for f in files] == [50, 40, 24, 30, 6]
    assert any("truncated" in p["message"] for p in files[2]["problems"])
    assert len(files[0]["duplicates"]) >= 15
    assert all(set(f) == {"path", "questions", "answers", "duplicates", "problems"} for f in files)
    assert shell("ingest", *SEEDS, "--save", "seeds").returncode == 0
    topics = ",".join(path.stem.replace("_", "-") for path in SEEDS)
    said = "它主要是通过训练来学习数据里的规律，我大概是这样理解的\n" * 3
    held = shell("chat", "--lang", "zh", "--topics", topics, "--questions", "2", "--seed", "3", stdin=said * 3)
    assert held.returncode == 0, held.stderr
    assert "# 面试报告" in held.stdout


def test_search_answers_in_both_directions(shell: Shell) -> None:
    first = shell.json("search", "知识蒸馏", "--k", "3")[0]  # type: ignore[index]
    assert set(first) == {"score", "text", "source", "question_id"}
    assert "蒸馏" in first["text"]
    # The bank is bilingual, so passages in the query's own language come first; the first foreign one is on the same question.
    for query, foreign in (("How does knowledge distillation work?", "zh"), ("量化为什么会掉精度", "en")):
        hits: list[dict[str, str]] = shell.json("search", query, "--k", "50")  # type: ignore[assignment]
        first_foreign = next(hit for hit in hits if detect_language(hit["text"]) == foreign)
        assert first_foreign["question_id"] == hits[0]["question_id"]
        assert hits[0]["question_id"] in ("knowledge-distillation", "quantisation")
    assert shell.json("search", "why quantization hurts accuracy")[0]["question_id"] == "quantisation"  # type: ignore[index]
    assert shell.json("search", "   ") == []


def test_one_answer_is_graded(shell: Shell, bank: Bank) -> None:
    question = bank.get("knowledge-distillation")
    assert question is not None
    by_id = shell.json("grade", "--question", question.id, "--answer", question.reference.zh)
    by_text = shell("grade", "--question", question.text.zh, "--answer", "-", "--json", stdin=question.reference.zh)
    assert json.loads(by_text.stdout) == by_id
    assert by_id["score"] >= 80  # type: ignore[index, call-overload]
    shown = shell("grade", "--question", question.id, "--answer", "不知道", "--lang", "zh")
    assert shown.stdout.startswith("得分 0 ")
    own = shell.json(
        "grade",
        "--question",
        "What is a mutex?",
        "--reference",
        "A mutex is a lock. Only one thread holds it at a time.",
        "--answer",
        "It is a lock that only one thread can hold at a time.",
    )
    assert own["status"] == "graded"  # type: ignore[index, call-overload]


HOSTILE = [
    "not json",
    "[]",
    "{}",
    '{"id": 1, "question": "q", "answer": "a"}',
    '{"id": "n", "question": "q", "answer": null, "key_points": ["x y z"]}',
    '{"id": "k", "question": "q", "answer": "a", "key_points": []}',
    '{"id": "u", "question": "q", "answer": "a", "question_id": "no-such-question"}',
    '{"id": "nan", "question": "q", "answer": NaN, "key_points": ["p"]}',
    '{"id": "s", "question": "q", "answer": "\\ud800 lone", "key_points": ["a claim about quantisation"]}',
    '{"id": "big", "question": "q", "answer": "' + "模型" * 300_000 + '", "key_points": ["量化用整数表示权重"]}',
]


def test_a_batch_keeps_order_and_never_crashes(shell: Shell, tmp_path: Path, bank: Bank) -> None:
    question = bank.questions[0]
    good = {"id": "good", "question": question.text.zh, "answer": question.reference.zh, "question_id": question.id}
    own = {
        "id": "own",
        "question": "什么是互斥锁",
        "answer": "同一时间只有一个线程能拿到这把锁",
        "key_points": ["同一时刻只有一个线程持有锁"],
    }
    prose = {
        "id": "prose",
        "question": "what is a mutex",
        "answer": "不知道",
        "reference": "A mutex is a lock that one thread holds.",
    }
    rows = [json.dumps(good, ensure_ascii=False), *HOSTILE, json.dumps(own, ensure_ascii=False), json.dumps(prose)]
    source, target = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_bytes(
        "\n".join(rows).encode("utf-8", "surrogatepass")
        + b'\n{"id": "bytes", "question": "\xff\xfe", "answer": "x", "key_points": ["y"]}\n'
    )
    done = shell("grade", "--batch", source, "--out", target)
    assert done.returncode == 0, done.stderr
    out = [json.loads(line) for line in target.read_text(encoding="utf-8").splitlines()]
    assert len(out) == len(rows) + 1
    keys = {"id", "status", "reason", "score", "low", "high", "points", "flags", "grader"}
    assert all(set(row) == keys for row in out)
    assert out[0]["status"] == "graded"
    assert out[0]["score"] >= 90
    for row in out:
        if row["status"] == "ungraded":
            assert row["reason"]
            assert row["score"] is row["low"] is row["high"] is None
        else:
            assert 0 <= row["low"] <= row["score"] <= row["high"] <= 100
    assert [row["status"] for row in out[1:8]] == ["ungraded"] * 7
    assert out[-2]["score"] == 0
    assert out[-3]["score"] >= 60
    for row, line in zip((out[0], out[-3]), (good, own), strict=True):
        for point in row["points"]:
            if point["evidence"]:
                span = point["evidence"]
                assert line["answer"][span["start"] : span["end"]] == span["text"]
    turned = tmp_path / "turned.jsonl"
    turned.write_text("\n".join([rows[-2], rows[0]]), encoding="utf-8")
    piped = shell("grade", "--batch", turned, "--out", "-")
    assert [json.loads(line) for line in piped.stdout.splitlines()] == [out[-3], out[0]]


def test_an_interview_in_the_terminal_from_start_to_report(shell: Shell) -> None:
    said = [
        "我觉得要先说清楚它是什么，再说它怎么做",
        "给个提示",
        "不太清楚，不过大概是让模型学得更稳一些",
        "/skip",
        "/what",
        "/again",
        *["不知道"] * 3,  # a hint, another point, and then it is over
    ]
    args = ["chat", "--lang", "zh", "--questions", "2", "--seed", "42"]
    held = shell(*args, stdin="\n".join(said) + "\n")
    assert held.returncode == 0, held.stderr
    assert "# 面试报告" in held.stdout
    assert "### 2. " in held.stdout
    info = shell.json("sessions")[0]  # type: ignore[index]
    assert (info["status"], info["questions_asked"]) == ("finished", 2)
    exported = shell("export", info["id"])
    assert exported.stdout.startswith("# 面试报告")
    assert shell("export", "last", "--lang", "en").stdout.startswith("# Interview report")
    as_json = json.loads(shell("export", info["id"], "--format", "json").stdout)
    assert len(as_json["questions"]) == 2
    again = shell("chat", "--lang", "zh", "--questions", "2", "--seed", "42", stdin="\n".join(said) + "\n")
    assert again.returncode == 0


def test_weak_points_are_exported_as_a_deck(
    tmp_path: Path, bank: Bank, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    stored = spoken_interview(bank, "en")
    store = open_store(f"sqlite:///{tmp_path / 'interviews.db'}")
    session_id = store.create(stored.info.setup, "built-in", stored.info.created_at)
    for turn in stored.turns:
        store.add_turn(session_id, turn)
    for assessment in stored.assessments:
        store.add_assessment(session_id, stored.graded_turns[assessment.question_id], assessment, stored.info.created_at)
    store.close()
    export = ["export", "last", "--data", str(tmp_path), "--format", "anki"]
    deck = tmp_path / "deck.apkg"
    assert main([*export, "--out", str(deck)]) == 0
    assert deck.read_bytes().startswith(b"PK")
    monkeypatch.setattr("sys.stdout.isatty", lambda: True, raising=False)
    assert main(export) == 1
    assert "name a file with --out" in capsys.readouterr().err


def test_an_interview_is_paused_and_resumed(shell: Shell) -> None:
    paused = shell("chat", "--lang", "en", "--questions", "1", stdin="I would first define it and then explain the mechanism\n")
    assert "Go on with: interviewer chat --resume" in paused.stderr
    session_id = paused.stderr.split()[-1]
    resumed = shell("chat", "--resume", session_id, stdin="/end\n")
    assert "I would first define it" in resumed.stdout
    assert "# Interview report" in resumed.stdout
    over = shell("chat", "--resume", session_id)
    assert over.returncode == 0
    assert shell("sessions", "--delete", session_id).returncode == 0
    assert shell("export", session_id).returncode == 1


def test_ten_minutes_today_in_the_terminal(shell: Shell) -> None:
    held = shell("chat", "--today", "--lang", "en", stdin="/skip\n/end\n")
    assert held.returncode == 0, held.stderr
    assert "10 minutes" in held.stdout
    assert "# Interview report" in held.stdout


def test_a_running_real_interview_keeps_its_grades_to_itself(shell: Shell) -> None:
    paused = shell("chat", "--mode", "real", "--lang", "en", "--questions", "2", stdin="I would first define it properly\n")
    session_id = paused.stderr.split()[-1]
    refused = shell("export", session_id)
    assert (refused.returncode, refused.stdout) == (1, "")
    assert "still running" in refused.stderr
    assert "Score" not in paused.stdout
    shell("chat", "--resume", session_id, stdin="/end\n")
    assert shell("export", session_id).returncode == 0


def test_stray_bytes_and_a_missing_model_do_not_end_the_interview(shell: Shell, tmp_path: Path) -> None:
    args = ["chat", "--lang", "en", "--engine", "transformers", "--model", str(tmp_path / "no-model")]
    held = subprocess.run(
        [sys.executable, "-m", "interviewer", *args],
        input=b"\xff\xfe what is this\n" * 3 + b"/end\n", capture_output=True, env=shell.env | {"PYTHONIOENCODING": "utf-8:strict"}, check=False,
    )  # fmt: skip
    assert held.returncode == 0, held.stderr
    assert held.stderr.count(b"can't be used") == 1


def test_doctor_says_what_will_be_used_and_why(shell: Shell, tmp_path: Path) -> None:
    checks = {c["name"]: c for c in shell.json("doctor")}  # type: ignore[attr-defined]
    assert all(check["ok"] for check in checks.values())
    assert "because no model was named" in checks["interviewer"]["detail"]
    assert str(shell.data) in checks["data"]["detail"]
    assert checks["voices"]["detail"].count("the browser's own") == 2
    broken = shell("doctor", "--engine", "transformers", "--model", tmp_path / "nothing")
    assert broken.returncode == 1
    assert "BAD" in broken.stdout
    secret = shell("doctor", OPENAI_API_KEY="sk-very-secret", INTERVIEWER_DATABASE="sqlite:///" + str(tmp_path / "d.db"))
    assert "sk-very-secret" not in secret.stdout + secret.stderr


def test_index_updates_only_what_changed(tmp_path: Path) -> None:
    shell = Shell(tmp_path / "data")
    first = shell.json("index")
    assert first["embedded"] > 0  # type: ignore[index, call-overload]
    again = shell.json("index")
    assert again["embedded"] == 0  # type: ignore[index, call-overload]
    note = tmp_path / "note.md"
    note.write_text("# 笔记\n\n拜占庭将军问题讨论的是分布式系统里有节点作恶时怎么达成一致。\n", encoding="utf-8")
    added = shell.json("index", note)
    assert 0 < added["embedded"] < 5  # type: ignore[index, call-overload]
    assert "拜占庭" in shell.json("search", "拜占庭将军问题")[0]["text"]  # type: ignore[index]


def test_bank_files_are_checked_with_file_and_line(shell: Shell, tmp_path: Path) -> None:
    good = shell("index", "--check", corpus_dir() / "bank")
    assert good.returncode == 0, good.stdout
    assert " 0 errors" in good.stdout
    bad = tmp_path / "bad.yaml"
    bad.write_text("topic: t\ntitle: {zh: 题, en: t}\nquestions:\n  - id: a\n    level: 9\n", encoding="utf-8")
    done = shell("index", "--check", bad)
    assert done.returncode == 1
    assert "bad.yaml:5" in done.stderr


def test_output_can_be_cut_off_by_a_pipe(shell: Shell) -> None:
    command = f"{sys.executable} -m interviewer search 模型 --k 50 | head -1"
    done = subprocess.run(command, shell=True, capture_output=True, text=True, env=shell.env, check=False)
    assert "Traceback" not in done.stderr


def test_serve_answers_and_stops(tmp_path: Path) -> None:
    import socket
    import urllib.request

    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shell = Shell(tmp_path / "data")
    command = [sys.executable, "-m", "interviewer", "serve", "--port", str(port), "--no-browser"]
    server = subprocess.Popen(command, env=shell.env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        for _ in range(600):
            assert server.poll() is None, "the server died"
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/", timeout=5) as page:
                    assert page.status == 200
                    break
            except OSError:
                time.sleep(0.1)
        else:
            pytest.fail("the page never came")
    finally:
        server.terminate()
        server.wait(20)
