"""The grading task: its rows, its figures on answers graded by hand, what is gated, and a whole run that is stopped and goes on."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.responses import JSONResponse, Response

from evals import core, grading, grading_report, labelled
from evals.engines import Made, Spec
from evals.graded import Graded, Retest, grade_again
from evals.grading_figures import Sheet, figures_of, part, reliability_of, sheet_of, sheet_of_second
from evals.grading_report import Outcome
from evals.labelled import Labelled, Reading, of_questions, read_dataset, statements_only
from interviewer.domain.assessment import Assessment, GraderInfo, PointAssessment, Status, Verdict
from interviewer.domain.errors import InterviewerError
from interviewer.domain.questions import Bank, KeyPoint, LocalText, Question
from interviewer.ports import GradingItem
from tests.engines_server import error, fake_server

INFO = GraderInfo("hand", "1")
STATED, TOUCHED, ABSENT, WRONG = Verdict.COVERED, Verdict.PARTLY, Verdict.MISSING, Verdict.CONTRADICTED


def question(id_: str = "q", level: int = 1) -> Question:
    points = tuple(KeyPoint(p, LocalText(f"要点 {p}", f"point {p}"), accepted=("so",)) for p in "ab")
    return Question(id_, "topic", level, LocalText("问题", "question"), LocalText("参考", "reference"), points)


def row(id_: str, a: int, b: int, overall: float, q: str = "q", kind: str = "full", **more: Any) -> Labelled:
    return Labelled(id_, question(q), "test", kind, "zh", f"answer {id_}", {"a": a, "b": b}, overall, **more)


def graded(of: Labelled, score: float, *points: tuple[Verdict, float], band: float = 10, ms: float = 1) -> Graded:
    made = tuple(
        PointAssessment(p, p, 1.0, verdict, probability, 0.0) for p, (verdict, probability) in zip("ab", points, strict=True)
    )
    low, high = max(0.0, score - band), min(100.0, score + band)
    return Graded(of, Assessment(of.question.id, Status.GRADED, None, score, low, high, made, INFO), ms)


@pytest.fixture
def sheet() -> Sheet:
    """Five answers to two questions. Points: 2 2 | 2 −1 | 0 0 | 1 0 | 0 0, called as below."""
    return sheet_of(
        [
            graded(row("1", 2, 2, 100), 80, (STATED, 0.9), (STATED, 0.8), ms=10),
            graded(row("2", 2, -1, 50), 55, (STATED, 0.7), (TOUCHED, 0.6), ms=20),
            graded(row("3", 0, 0, 0, kind="echo"), 30, (ABSENT, 0.2), (ABSENT, 0.1), ms=30),
            graded(row("4", 1, 0, 40, q="r"), 40, (STATED, 0.75), (ABSENT, 0.0), ms=40),
            graded(row("5", 0, 0, 0, q="r", kind="dont-know"), 0, (ABSENT, 0.0), (ABSENT, 0.0), ms=500),
        ]
    )


def test_figures_of_scores(sheet: Sheet) -> None:
    """Distances 20, 5, 30, 0, 0. In order: 1>2, 1>3, 2>3 of q and 4>5 of r, all right. Bands ±10 hold 50, 40 and 0. Only answers
    1 and 3 are called another class than theirs: 80 for 100 (8 and 9), 30 for 0; and 55 is in the class of 50."""
    found = {name: figure.value for name, figure in figures_of(sheet).items()}
    assert found["mae"] == 11
    assert found["bias"] == pytest.approx((-20 + 5 + 30) / 5)
    assert found["ranking_accuracy"] == 1
    assert found["label_in_band"] == 3 / 5
    assert found["band_width"] == (20 + 20 + 20 + 20 + 10) / 5
    assert found["ms_median"] == 30
    assert found["ms_p95"] == 500
    # Ranks of the scores 5 4 2 3 1, of the labels 5 4 1.5 3 1.5.
    assert found["spearman"] == pytest.approx(9.5 / (10 * 9.5) ** 0.5)
    # Classes 8 5 3 4 0 against 9 5 0 4 0: squares 1 + 9; by chance the mean over all 25 pairs, times 5.
    chance = sum((x - y) ** 2 for x in (8, 5, 3, 4, 0) for y in (9, 5, 0, 4, 0)) / 5
    assert found["qwk"] == pytest.approx(1 - 10 / chance)


def test_figures_of_points(sheet: Sheet) -> None:
    """Stated: 3 points, all called so, and one touched besides. Wrong: one, called touched. Touched: one, called stated."""
    found = {name: figure.value for name, figure in figures_of(sheet).items()}
    assert (found["precision_covered"], found["recall_covered"], found["f1_covered"]) == (3 / 4, 1, pytest.approx(6 / 7))
    assert (found["precision_partly"], found["recall_partly"], found["f1_partly"]) == (0, 0, 0)
    assert (found["precision_missing"], found["recall_missing"], found["f1_missing"]) == (1, 1, 1)
    assert math.isnan(found["precision_contradicted"])
    assert (found["recall_contradicted"], found["f1_contradicted"]) == (0, 0)
    assert found["macro_f1"] == pytest.approx((6 / 7 + 0 + 1 + 0) / 4)
    assert found["point_agreement"] == 8 / 10
    assert found["auc_stated_vs_wrong"] == 1  # .9 .8 .7 above .6
    assert found["auc_stated_vs_absent"] == 1
    # Bins of a tenth: 0 0 0 | .1 | .2 | .6 | .7 .75 | .8 | .9; stated are .7, .8 and .9.
    gaps = [0, 0.1, 0.2, 0.6, abs(1.45 - 1), 0.2, 0.1]
    assert found["ece"] == pytest.approx(sum(gaps) / 10)


def test_answers_that_say_nothing_and_recognition_errors() -> None:
    rows = [
        graded(row("clean", 2, 2, 100), 80, (STATED, 0.9), (STATED, 0.9)),
        graded(row("heard", 2, 2, 100, kind="asr", of="clean"), 62, (STATED, 0.9), (STATED, 0.9)),
        graded(row("clean2", 2, 2, 100, q="r"), 70, (STATED, 0.9), (STATED, 0.9)),
        graded(row("heard2", 2, 2, 100, q="r", kind="asr", of="clean2"), 74, (STATED, 0.9), (STATED, 0.9)),
        graded(row("lost", 2, 2, 100, kind="asr", of="ungraded"), 0, (STATED, 0.9), (STATED, 0.9)),
        graded(row("list", 0, 0, 20, kind="keyword-list"), 25, (ABSENT, 0), (ABSENT, 0)),
        graded(row("orders", 0, 0, 0, kind="injection", attack="json"), 26, (ABSENT, 0), (ABSENT, 0)),
        graded(row("half", 2, 0, 50, kind="injection", attack="appended"), 90, (STATED, 0.9), (ABSENT, 0)),
    ]
    found = figures_of(sheet_of(rows))
    assert (found["asr_drift"].value, found["asr_distance"].value) == ((-18 + 4) / 2, (18 + 4) / 2)
    assert found["nothing_at_most_25"].value == 1 / 2


def test_the_second_reader_goes_through_the_same_arithmetic() -> None:
    """Two of four points differ: 2 called 1, and 0 called −1. κ: squares 1 + 1 against what the margins would give."""
    rows = [
        row("1", 2, 0, 60, second=Reading({"a": 2, "b": -1}, 50)),
        row("2", 2, 0, 20, second=Reading({"a": 1, "b": 0}, 24)),
        row("3", 2, 2, 90),
    ]
    second = sheet_of_second(rows)
    found = {name: figure.value for name, figure in figures_of(second).items()}
    assert len(second.rows) == 2
    assert (found["mae"], found["bias"], found["point_agreement"]) == (7, -3, 2 / 4)
    chance = sum((x - y) ** 2 for x in (2, 0, 2, 0) for y in (2, -1, 1, 0)) / 4
    assert found["point_kappa"] == pytest.approx(1 - 2 / chance)
    assert not found.keys() & {"ece", "auc_stated_vs_wrong", "label_in_band", "ms_median"}


def test_parts_keep_points_with_their_answers(sheet: Sheet) -> None:
    kept = part(sheet, lambda row: row.id in ("2", "4"))
    assert kept.score.tolist() == [55, 40]
    assert kept.of.tolist() == [0, 0, 1, 1]
    assert kept.truth.tolist() == [2, -1, 1, 0]
    nothing = part(sheet, lambda row: False)
    assert figures_of(nothing) == {}
    assert reliability_of(nothing) == []


# ---------------------------------------------------------------- rows


def line(**changes: Any) -> str:
    data = {"id": "q/1", "question_id": "q", "split": "dev", "kind": "full", "lang": "zh", "answer": "x",
            "labels": {"a": 2, "b": -1}, "overall": 60}  # fmt: skip
    return json.dumps({name: value for name, value in {**data, **changes}.items() if value is not None})


def read(tmp_path: Path, *lines: str, strict: bool = True) -> list[Labelled]:
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return read_dataset(path, Bank((question("q"), question("r"))), strict)


def test_both_formats_of_rows_are_read(tmp_path: Path) -> None:
    first, second = read(
        tmp_path,
        line(kind="injection"),
        line(id="q/2", of="q/1", attack="json", kind="injection", second={"labels": {"a": 1, "b": 0}, "overall": 40}),
    )
    assert (first.attack, first.of, first.second, first.answers_nothing) == ("appended", "", None, False)
    assert (second.attack, second.of, second.second) == ("json", "q/1", Reading({"a": 1, "b": 0}, 40))
    assert second.answers_nothing


@pytest.mark.parametrize(
    ("changes", "complaint"),
    [
        ({"question_id": "gone"}, "rows.jsonl:1: gone or its key points changed"),
        ({"labels": {"a": 2}}, "q or its key points changed"),
        ({"labels": {"a": 2, "b": 3}}, "every point of q 2, 1, 0 or -1"),
        ({"second": {"labels": {"a": 2}, "overall": 3}}, "every point of q"),
        ({"overall": 101}, "from 0 to 100"),
        ({"overall": None}, "lacks overall"),
        ({"split": "train"}, "dev or test"),
        ({"of": "q/9"}, "made from q/9, which is not there"),
    ],
)
def test_a_row_that_is_wrong_is_one_clear_line(tmp_path: Path, changes: dict[str, Any], complaint: str) -> None:
    with pytest.raises(InterviewerError, match=complaint):
        read(tmp_path, line(**changes))


def test_rows_of_other_questions_can_be_passed_over(tmp_path: Path) -> None:
    assert [r.id for r in read(tmp_path, line(question_id="gone"), line(id="q/2"), strict=False)] == ["q/2"]


def test_no_id_twice_and_no_question_in_both_splits(tmp_path: Path) -> None:
    with pytest.raises(InterviewerError, match="q/1 is there twice"):
        read(tmp_path, line(), line())
    with pytest.raises(InterviewerError, match="q is in both splits"):
        read(tmp_path, line(), line(id="q/2", split="test"))


def test_statements_only_and_a_few_questions() -> None:
    (bare,) = statements_only([row("1", 2, 2, 100)])
    assert bare.question.origin == "derived"
    assert not any(p.accepted for p in bare.question.key_points)
    rows = [
        replace(row(f"{q}{n}", 2, 2, 100, q=q), split=s) for s, qs in (("dev", "abc"), ("test", "de")) for q in qs for n in "12"
    ]
    few = of_questions(rows, 1)
    assert len(few) == 4
    assert {r.split for r in few} == {"dev", "test"}
    assert of_questions(rows, 0) == rows


def test_the_shipped_rows_can_be_read_against_the_shipped_bank() -> None:
    from interviewer.config import corpus_dir
    from interviewer.ingest.bankfile import load_bank

    rows = read_dataset(labelled.newest_dataset(), load_bank([corpus_dir() / "bank"]))
    assert {r.split for r in rows} == {"dev", "test"}


# ---------------------------------------------------------------- grading again


class Drifting:
    """A grader whose score depends on what it graded before: what a retest is there to find."""

    info = INFO

    def __init__(self, drift: float = 0.0) -> None:
        self._drift, self._calls = drift, 0

    def grade(self, item: GradingItem) -> Assessment:
        self._calls += 1
        found = graded(row("x", 0, 0, 0), 20 + self._drift * self._calls, (ABSENT, 0.1), (ABSENT, 0.1))
        return replace(found.assessment, question_id=item.question.id)

    def grade_many(self, items: Sequence[GradingItem]) -> list[Assessment]:
        return [self.grade(item) for item in items]


def test_grading_again_finds_a_drift() -> None:
    before = [graded(row(str(n), 0, 0, 0), 20, (ABSENT, 0.1), (ABSENT, 0.3)) for n in range(4)]
    steady = grade_again(before, Drifting(), 10)
    assert steady == Retest(4, 0, 0, pytest.approx(0.2))
    drifting = grade_again(before, Drifting(2), 3)
    assert drifting is not None
    assert (drifting.answers, drifting.mean, drifting.worst) == (3, 4, 6)
    assert grade_again([], Drifting(), 3) is None


# ---------------------------------------------------------------- the report and the gate


def outcome(label: str, sheet_rows: Sequence[Graded], variant: str = "", **more: Any) -> Outcome:
    made = sheet_of(sheet_rows)
    return Outcome(label, variant, INFO, tuple(sheet_rows), made, made, more.get("ungraded", ()), more.get("retest"))


def some(scores: Sequence[float]) -> list[Graded]:
    return [
        graded(
            row(str(n), 2, 0, 20.0 * n, q=f"q{n % 2}", second=Reading({"a": 2, "b": 0}, 20.0 * n)),
            s,
            (STATED, 0.9),
            (ABSENT, 0.1),
        )
        for n, s in enumerate(scores)
    ]


def test_several_graders_are_parts_with_their_own_baselines_and_share_the_tables() -> None:
    one, two = outcome("builtin", some([0, 20, 40, 60])), outcome("openai:m", some([60, 40, 20, 0]), "openai-m-123")
    result = grading.assemble([one, two], [g.row for g in one.graded])
    assert [(p.label, p.variant) for p in result.measured] == [("builtin", ""), ("openai:m", "openai-m-123")]
    assert [p.figures["test_spearman"] for p in result.parts] == [pytest.approx(1), pytest.approx(-1)]
    assert result.tables[0].columns == ("figure", "builtin", "openai:m", "second reader")
    by_name = {name: cells for name, *cells in result.tables[0].rows}
    assert by_name["Spearman, score and label"][0].startswith("1.00")
    assert by_name["mean error, of 100"][2].startswith("0.0")
    assert [curve[0] for curve in result.charts[1].curves] == ["builtin", "openai:m"]
    assert sum("Worst" in table.title for table in result.tables) == 2


def test_what_is_gated_and_how_strictly() -> None:
    spread = Retest(2, 0.5, 1.0, 0.0)
    result = grading.assemble([outcome("builtin", some([0, 30, 40, 60]), retest=spread)], [])
    assert result.figures["test_mae"] == 2.5
    assert result.figures["retest_spread"] == 1.0
    assert result.noise["test_mae"] == 2.0
    assert result.noise["test_spearman"] == 0.02
    assert result.noise["retest_spread"] == 0.0
    assert {"test_mae", "test_ece", "retest_spread", "ungraded"} <= result.lower_is_better
    assert not {"test_spearman", "test_macro_f1"} & result.lower_is_better
    assert all(math.isfinite(value) for value in result.figures.values())


def test_what_was_left_ungraded_is_counted_and_explained() -> None:
    refused = Assessment.ungraded("q", "the server was down", INFO)
    result = grading.assemble([outcome("m", some([0, 20, 40]), "m", ungraded=(refused,))], [])
    assert result.figures["ungraded"] == 1 / 4
    assert "the server was down" in result.sections[0].text


def test_the_worst_disagreements_are_listed_in_full_and_only_of_the_split_asked_for() -> None:
    rows = [replace(g, row=replace(g.row, split="dev")) for g in some([90, 20, 40])] + some([0, 0, 0, 0])
    table = grading_report.worst_table(outcome("m", rows), "dev", count=2)
    assert [r[0] for r in table.rows] == ["0", "1"]
    assert table.rows[0][3] == "90 (80–100)"
    assert table.rows[0][-1] == "answer 0"
    wrong = grading_report.worst_table(outcome("m", [graded(row("1", -1, 1, 0), 90, (STATED, 0.8), (TOUCHED, 0.5))]), "all")
    assert wrong.rows[0][5] == "a: contradicted, called covered (P 0.80)"


def test_slices_stand_in_the_order_of_their_labels() -> None:
    rows = [
        graded(row("1", 0, 0, 0, kind="echo"), 5, (ABSENT, 0.1), (ABSENT, 0.1)),
        graded(row("2", 2, 2, 100), 90, (STATED, 0.9), (STATED, 0.9)),
    ]
    table = grading_report.breakdown("kind", "By kind", [("m", sheet_of(rows))])
    assert [r[:5] for r in table.rows] == [("full", "m", 1, "100.0", "90.0"), ("echo", "m", 1, "0.0", "5.0")]


# ---------------------------------------------------------------- a whole run


@pytest.fixture
def dataset(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two questions of the shipped bank with two answers each, and a cache of their own."""
    from interviewer.config import corpus_dir
    from interviewer.ingest.bankfile import load_bank

    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    lines = []
    for q, split in zip(load_bank([corpus_dir() / "bank"]).questions[:2], ("dev", "test"), strict=True):
        for n, (text, label) in enumerate([(q.reference.zh, 2), ("我不知道。", 0)]):
            labels = {p.id: label for p in q.key_points}
            lines.append(line(id=f"{q.id}/{n}", question_id=q.id, split=split, answer=text, labels=labels, overall=50 * label))
    path = tmp_path / "rows.jsonl"
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def run(tmp_path: Path, dataset: Path, *options: str) -> int:
    places = ["--out", str(tmp_path / "out"), "--baselines", str(tmp_path / "baselines"), "--dataset", str(dataset)]
    return core.main(["grading", *places, "--cache", str(tmp_path / "kept"), *options])


def test_a_run_from_end_to_end_with_its_gate(tmp_path: Path, dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, dataset, "--update-baseline") == 0
    assert run(tmp_path, dataset, "--gate") == 0
    assert "4 of them known from before" in capsys.readouterr().err
    written = json.loads((tmp_path / "out" / "results.json").read_text())
    assert written["figures"]["test_mae"] < 10
    assert written["figures"]["retest_spread"] == 0
    assert (tmp_path / "baselines" / "grading.json").exists()
    page = (tmp_path / "out" / "report.html").read_text()
    assert "我不知道" in page


def test_a_run_that_is_stopped_goes_on_where_it_stopped(
    tmp_path: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    seen: list[str] = []

    class Stopping(Drifting):
        def grade(self, item: GradingItem) -> Assessment:
            if len(seen) == 3:
                raise KeyboardInterrupt
            seen.append(item.answer)
            points = tuple(PointAssessment(p.id, p.id, 1.0, ABSENT, 0.1, 0.0) for p in item.question.key_points)
            return Assessment(item.question.id, Status.GRADED, None, 5.0, 0.0, 9.0, points, INFO)

    monkeypatch.setattr(grading, "make", lambda spec, bank: Made(spec, Stopping(), "", lambda: None))
    assert run(tmp_path, dataset, "--retest", "0") == 130
    first = list(seen)
    seen.clear()
    assert run(tmp_path, dataset, "--retest", "0") == 0
    assert len(first) == 3
    assert len(seen) == 1  # the fourth answer; test answers with statements only are judged by graders made for that
    assert "3 of them known from before" in capsys.readouterr().err


def says_all_is_stated(body: dict[str, Any]) -> Response | None:
    """A server without probabilities whose model finds every point in every answer."""
    if "messages" not in body:
        return None
    if body.get("logprobs"):
        return error(400, "logprobs are not supported by this server")
    count = body["response_format"]["json_schema"]["schema"]["properties"]["points"]["minItems"]
    points = [{"number": n, "any": True, "all": True, "contradicts": False} for n in range(1, count + 1)]
    message = {"role": "assistant", "content": json.dumps({"points": points})}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return JSONResponse({"id": "1", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]})


def test_a_model_on_a_server_beside_the_builtin_grader(tmp_path: Path, dataset: Path) -> None:
    with fake_server() as server:
        server.hook = says_all_is_stated
        server.models = [{"id": "m", "object": "model", "max_model_len": 32_768}]
        options = ["--grader", "builtin", "--grader", f"openai:m@{server.url}", "--retest", "1"]
        assert run(tmp_path, dataset, *options, "--update-baseline") == 0
        asked = len(server.bodies)
        assert run(tmp_path, dataset, *options, "--gate") == 0
    assert asked > 2
    assert len(server.bodies) - asked <= asked / 2  # grading again, and seeing who is there; the rest was kept
    written = json.loads((tmp_path / "out" / "results.json").read_text())
    builtin, model = written["parts"]
    assert builtin["variant"] == ""
    assert model["variant"].startswith("openai-m-")
    assert {p.name for p in (tmp_path / "baselines").iterdir()} == {"grading.json", f"grading-{model['variant']}.json"}
    assert model["figures"]["ungraded"] == 0
    assert model["figures"]["test_f1_covered"] == 1


def test_a_quick_look_is_no_baseline(tmp_path: Path, dataset: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(tmp_path, dataset, "--questions", "1", "--gate") == 1
    assert "leave out --questions" in capsys.readouterr().err


def test_a_grader_that_grades_nothing_is_one_clear_line(
    tmp_path: Path, dataset: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    class Refusing(Drifting):
        def grade(self, item: GradingItem) -> Assessment:
            return Assessment.ungraded(item.question.id, "no server", INFO)

    monkeypatch.setattr(grading, "make", lambda spec, bank: Made(spec, Refusing(), "", lambda: None))
    assert run(tmp_path, dataset, "--grader", "openai:m@http://127.0.0.1:1/v1") == 1
    assert capsys.readouterr().err.splitlines()[-1].endswith("graded none of 4 answers: no server")
    assert Spec("openai", "m", "http://127.0.0.1:1/v1").label == "openai:m@http://127.0.0.1:1/v1"
