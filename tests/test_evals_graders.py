"""Around the grading task: naming graders, keeping assessments, reading published sets, saying how far a run is."""

from __future__ import annotations

import json
import math
from argparse import ArgumentParser, ArgumentTypeError
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evals import engines, published
from evals.assessment_cache import AssessmentCache, default_folder, fingerprint, item_key
from evals.engines import Made, Spec, chosen_specs, parse_spec
from evals.progress import Ticker
from evals.published import external_figures, grade_external, lengths, parse_pairs, read_external
from interviewer.domain.assessment import Assessment, GraderInfo
from interviewer.domain.errors import ConfigError, InterviewerError
from interviewer.domain.questions import Bank, KeyPoint, LocalText, Question
from interviewer.grading import BuiltinGrader
from interviewer.ports import GradingItem

# ---------------------------------------------------------------- naming graders


@pytest.mark.parametrize(
    ("given", "spec"),
    [
        ([], Spec("builtin")),
        (["--model", "m"], Spec("transformers", "m")),
        (["--base-url", "http://127.0.0.1:1/v1", "--model", "m"], Spec("openai", "m", "http://127.0.0.1:1/v1")),
        (["--engine", "builtin", "--model", "m"], Spec("builtin")),
    ],
)
def test_naming_a_model_is_asking_for_it(given: list[str], spec: Spec) -> None:
    args = _parsed(*given)
    assert chosen_specs(args) == [spec]


@pytest.mark.parametrize(
    ("text", "spec"),
    [
        ("builtin", Spec("builtin")),
        ("transformers:org/name-0.6B", Spec("transformers", "org/name-0.6B")),
        ("openai:name", Spec("openai", "name")),
        ("openai:org/name@http://127.0.0.1:8000/v1", Spec("openai", "org/name", "http://127.0.0.1:8000/v1")),
        ("openai:a@b@https://me:pw@host/v1", Spec("openai", "a@b", "https://me:pw@host/v1")),
    ],
)
def test_graders_by_name(text: str, spec: Spec) -> None:
    assert parse_spec(text) == spec


@pytest.mark.parametrize("text", ["", "builtin:x", "transformers", "transformers:", "openai:", "gguf:x"])
def test_no_grader_of_that_name(text: str) -> None:
    with pytest.raises(ArgumentTypeError, match="it can be builtin"):
        parse_spec(text)


def test_several_graders_in_the_order_given() -> None:
    args = _parsed("--grader", "openai:m", "--grader", "builtin")
    assert chosen_specs(args) == [Spec("openai", "m"), Spec("builtin")]
    with pytest.raises(InterviewerError, match="twice: builtin"):
        chosen_specs(_parsed("--grader", "builtin", "--grader", "builtin"))
    with pytest.raises(InterviewerError, match="leave out"):
        chosen_specs(_parsed("--grader", "builtin", "--model", "m"))


def test_every_model_has_a_baseline_of_its_own(tmp_path: Path) -> None:
    specs = [
        Spec("builtin"),
        Spec("transformers", "a/b-c"),
        Spec("transformers", "a-b/c"),
        Spec("openai", "a/b-c"),
        Spec("openai", "a/b-c", "http://one/v1"),
        Spec("openai", "a/b-c", "http://two/v1"),
    ]
    assert specs[0].variant == ""
    assert len({spec.variant for spec in specs}) == len(specs)
    assert all("/" not in spec.variant and ":" not in spec.variant for spec in specs)


def test_names_hold_no_path_and_no_password(tmp_path: Path) -> None:
    folder = tmp_path / "secret-place" / "model"
    folder.mkdir(parents=True)
    local = Spec("transformers", str(folder))
    assert local.label == "transformers:model"
    assert "secret" not in local.variant
    served = Spec("openai", "m", "http://me:pw123@host/v1")
    assert "pw123" not in served.label + served.variant


def test_a_model_without_a_server_is_one_clear_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("OPENAI_BASE_URL", raising=False)
    monkeypatch.delenv("INTERVIEWER_BASE_URL", raising=False)
    with pytest.raises(ConfigError, match="needs a server"):
        engines.make(Spec("openai", "m"), Bank(()))


def _parsed(*given: str) -> Any:
    parser = ArgumentParser()
    engines.add_grader_arguments(parser)
    return parser.parse_args(given)


# ---------------------------------------------------------------- keeping assessments

POINTS = (
    KeyPoint("p", LocalText("把几个小批次的梯度加起来再更新一次参数", "sum the gradients of several batches, then step")),
)
QUESTION = Question("q", "t", 1, LocalText("什么是梯度累积", "gradient accumulation?"), LocalText("累积", "accumulate"), POINTS)
ITEM = GradingItem(QUESTION, "就是把几个小批次的梯度加起来再更新一次参数")


def test_what_is_kept_comes_back_the_same(tmp_path: Path) -> None:
    assessment = BuiltinGrader().grade(ITEM)
    with AssessmentCache(tmp_path / "deep", "f") as cache:
        assert cache.get(ITEM) is None
        cache.put(ITEM, assessment, 12.5)
        assert cache.get(ITEM) == (assessment, 12.5)
    with AssessmentCache(tmp_path / "deep", "f") as cache:
        assert cache.get(ITEM) == (assessment, 12.5)
        assert cache.get(GradingItem(QUESTION, ITEM.answer + "。")) is None
    with AssessmentCache(tmp_path / "deep", "other") as cache:
        assert cache.get(ITEM) is None


def test_a_line_torn_by_a_kill_costs_that_line_alone(tmp_path: Path) -> None:
    assessment, other = BuiltinGrader().grade(ITEM), GradingItem(QUESTION, "不知道")
    with AssessmentCache(tmp_path, "f") as cache:
        cache.put(ITEM, assessment, 1)
        cache.put(other, assessment, 2)
    path = tmp_path / "f.jsonl"
    path.write_bytes(path.read_bytes()[:-20])
    with AssessmentCache(tmp_path, "f") as cache:
        assert cache.get(ITEM) == (assessment, 1)
        assert cache.get(other) is None
        cache.put(other, assessment, 3)
    with AssessmentCache(tmp_path, "f") as cache:
        assert cache.get(other) == (assessment, 3)


def test_what_could_not_be_graded_is_asked_again(tmp_path: Path) -> None:
    with AssessmentCache(tmp_path, "f") as cache:
        cache.put(ITEM, Assessment.ungraded("q", "the server was down", GraderInfo("m", "1")), 1)
        assert cache.get(ITEM) is None


def test_a_cache_that_can_t_be_written_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InterviewerError, match="--no-cache"):
        AssessmentCache(tmp_path / "file" / "folder", "f")


def test_the_key_sees_every_part_of_a_question() -> None:
    point = replace(POINTS[0], contrasts=("每个小批次都更新一次",))
    changed = [
        replace(ITEM, question=replace(QUESTION, key_points=(point,))),
        replace(ITEM, question=replace(QUESTION, key_points=(replace(POINTS[0], weight=2.0),))),
        replace(ITEM, question=replace(QUESTION, reference=LocalText("别的"))),
        replace(ITEM, answer=""),
        replace(ITEM, passages=("x",)),
    ]
    assert len({item_key(item) for item in (ITEM, *changed)}) == len(changed) + 1
    assert item_key(ITEM) == item_key(GradingItem(replace(QUESTION), ITEM.answer))


def test_the_fingerprint_sees_what_decides_a_result(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    class Named(BuiltinGrader):
        def __init__(self, info: GraderInfo) -> None:
            super().__init__()
            self._info = info

        @property
        def info(self) -> GraderInfo:
            return self._info

    def of(info: GraderInfo, identity: str = "", bank: Bank | None = None) -> str:
        return fingerprint(
            Made(Spec("builtin"), Named(info), identity, lambda: None), Bank((QUESTION,)) if bank is None else bank
        )

    plain = GraderInfo("m", "1", "a", "p@1")
    others = [replace(plain, version="2"), replace(plain, model="b"), replace(plain, prompt="p@2")]
    seen = {of(plain), *(of(o) for o in others), of(plain, "revision 2"), of(plain, bank=Bank(()))}
    assert len(seen) == 6
    assert of(plain) == of(plain)
    monkeypatch.setattr("evals.assessment_cache.prompts_dir", lambda: tmp_path)
    (tmp_path / "grade.point.yaml").write_text("one")
    first = of(plain)
    (tmp_path / "grade.point.yaml").write_text("two")
    assert of(plain) != first


def test_the_cache_is_where_the_platform_keeps_caches(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("sys.platform", "linux")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert default_folder() == tmp_path / "interviewer" / "evals"
    monkeypatch.setattr("sys.platform", "darwin")
    assert default_folder().parts[-4:] == ("Library", "Caches", "interviewer", "evals")


# ---------------------------------------------------------------- published sets

REFERENCE = "梯度累积把几个小批次的梯度加起来再更新一次参数。显存占用只和小批次的大小有关。"
ANSWERS = [(REFERENCE, 5), ("把几个小批次的梯度加起来再更新一次参数", 3), ("不知道", 0), ("", 0)]
OTHER = {"question": "q", "reference": "desired", "answer": "a", "score": "g", "max": "5"}


def _set(tmp_path: Path, name: str) -> Path:
    """The same eight answers to two questions in any format; JSON with numbers, as such files have them."""
    rows = [{"n": q, "q": f"什么是梯度累积 {q}", "desired": REFERENCE, "a": a, "g": g} for q in (1, 2) for a, g in ANSWERS]
    path = tmp_path / name
    if name.endswith(".jsonl"):
        text = "\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    elif name.endswith(".json"):
        text = json.dumps(rows)
    else:
        text = "\n".join(
            ("\t" if name.endswith(".tsv") else ",").join(map(str, row)) for row in [list(rows[0]), *(r.values() for r in rows)]
        )
    path.write_text(text, encoding="utf-8")
    return path


@pytest.mark.parametrize("name", ["set.csv", "set.tsv", "set.jsonl", "set.json"])
def test_a_published_set_is_read_as_it_is(tmp_path: Path, name: str) -> None:
    rows = read_external(_set(tmp_path, name), OTHER, {})
    assert [row.label for row in rows] == [100, 60, 0, 0] * 2
    assert [row.question.id for row in rows] == ["什么是梯度累积 1"] * 4 + ["什么是梯度累积 2"] * 4
    assert rows[0].question.origin == "derived"
    assert len(rows[0].question.key_points) == 2
    numbered = read_external(_set(tmp_path, name), {**OTHER, "id": "n"}, {})
    assert {row.question.id for row in numbered} == {"1", "2"}


def test_scores_that_are_words_and_english_questions(tmp_path: Path) -> None:
    path = tmp_path / "set.csv"
    path.write_text(
        "question_id,question,reference,answer,score\n1,Why?,The model memorises the training data.,it memorises,correct\n"
        "1,Why?,The model memorises the training data.,no,contradictory\n",
        encoding="utf-8",
    )
    rows = read_external(path, {}, {"correct": "2", "contradictory": "0"})
    assert [row.label for row in rows] == [100, 0]
    assert rows[0].question.text == LocalText(en="Why?")


@pytest.mark.parametrize(
    ("content", "columns", "complaint"),
    [
        ("question,answer\nx,y\n", {}, "lacks the columns reference, score, score_max"),
        ("question,answer\nx,y\n", {"scores": "x"}, "--columns knows question"),
        ("question,reference,answer,score\nx,r,y,good\n", {"max": "5"}, r"line 2: 'good' of 5\.0 is no score"),
        ("question,reference,answer,score,score_max\nx,r,y,1,0\n", {}, "'1' of '0' is no score"),
        ("question,reference,answer,score,score_max\nx,r,y,nan,5\n", {}, "is no score"),
    ],
)
def test_a_set_that_can_t_be_used_is_one_clear_line(
    tmp_path: Path, content: str, columns: dict[str, str], complaint: str
) -> None:
    path = tmp_path / "set.csv"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(InterviewerError, match=complaint):
        read_external(path, columns, {})


def test_files_that_are_no_sets(tmp_path: Path) -> None:
    for name, content in (("no.json", "[1]"), ("no.jsonl", "{"), ("no.csv", None)):
        if content is not None:
            (tmp_path / name).write_text(content)
        with pytest.raises(InterviewerError, match=f"can't read .*{name}"):
            read_external(tmp_path / name, {}, {})


def test_a_reference_without_a_claim_is_ungraded_and_not_a_zero(tmp_path: Path) -> None:
    path = tmp_path / "set.csv"
    path.write_text("question,reference,answer,score\nx,。,y,1\n", encoding="utf-8")
    scores = grade_external(read_external(path, {"max": "5"}, {}), BuiltinGrader(), print)
    assert [math.isnan(s) for s in scores] == [True]


def test_pairs_on_the_command_line() -> None:
    assert parse_pairs("a=b, c=d e") == {"a": "b", "c": "d e"}
    for text in ("a", "a=", "=b"):
        with pytest.raises(ArgumentTypeError):
            parse_pairs(text)


def test_figures_of_a_published_set_by_hand(tmp_path: Path) -> None:
    """Labels 100 60 0 0 twice; said 100 40 0 and nothing, then 80 60 20 0: distances 0 20 0 20 0 20 0 over seven.
    On the scale of 5: said 5 2 0 4 3 1 0 for 5 3 0 5 3 0 0."""
    rows = read_external(_set(tmp_path, "set.csv"), OTHER, {})
    said = [100, 40, 0, math.nan, 80, 60, 20, 0]
    found = {name: figure.value for name, figure in external_figures(rows, said).items()}
    assert found["mean error, of 100"] == pytest.approx(60 / 7)
    assert found["root mean square error, of 100"] == pytest.approx((1200 / 7) ** 0.5)
    ours, theirs = (5, 2, 0, 4, 3, 1, 0), (5, 3, 0, 5, 3, 0, 0)
    chance = sum((x - y) ** 2 for x in ours for y in theirs) / 7
    assert found["QWK on the set's scale"] == pytest.approx(1 - 3 / chance)
    # Within: 1, and ranks 4 3 2 1 against 4 3 1.5 1.5.
    assert found["Spearman, mean within a question"] == pytest.approx((1 + 4.5 / (5 * 4.5) ** 0.5) / 2)
    assert "mean error, of 100" not in external_figures(rows, lengths(rows), ranks_only=True)


def test_the_builtin_grader_orders_the_answers_of_such_a_set(tmp_path: Path) -> None:
    rows = read_external(_set(tmp_path, "set.csv"), OTHER, {})
    scores = grade_external(rows, BuiltinGrader(), print)
    assert scores[0] >= scores[1] > scores[2] == scores[3] == 0
    assert published.COLUMNS.keys() == {"question", "reference", "answer", "score", "max", "id"}


# ---------------------------------------------------------------- how far a run is


def test_progress_says_rate_and_time_left_of_what_is_really_worked_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of 8 are known; the other ones take 20 s each. After six steps two were worked on: 40 s, and 40 s are left."""
    monkeypatch.setattr("sys.stderr.isatty", lambda: False, raising=False)
    now = [0.0]
    said: list[str] = []
    ticker = Ticker("grading", 8, said.append, lambda: now[0])
    for _ in range(4):
        ticker.step(worked=False)
    assert ticker.line() == "grading: 4 of 8"
    assert said == []
    for _ in range(2):
        now[0] += 20
        ticker.step()
    assert said == ["grading: 5 of 8, 20.0 s each, 1 min 0 s left", "grading: 6 of 8, 20.0 s each, 40 s left"]
    for _ in range(2):
        ticker.step()
    ticker.finish()
    assert said[-1] == "grading: 8 in 40 s, 4 of them known from before"


def test_on_a_terminal_one_line_is_rewritten(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: True, raising=False)
    now = [0.0]
    said: list[str] = []
    ticker = Ticker("grading", 4, said.append, lambda: now[0])
    for _ in range(4):
        now[0] += 0.5
        ticker.step()
    ticker.finish()
    err = capsys.readouterr().err
    assert "[######" in err
    assert "2.0 a second" in err
    assert "\n" not in err
    assert said == ["grading: 4 in 2.0 s"]
