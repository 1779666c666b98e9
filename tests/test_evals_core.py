"""The evaluation runner: what it writes, what it stamps, when its gate fails; and the arithmetic of the retrieval figures."""

from __future__ import annotations

import json
import math
import sys
import types
from argparse import ArgumentParser, Namespace
from collections.abc import Callable
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from evals import core, gate, plots, reporting, stamp
from evals.results import Bar, Chart, Curves, Dot, Result, Section, Table, dataset_hash
from evals.retrieval import query_language
from evals.retrieval_figures import summarise
from interviewer.domain.errors import InterviewerError

Figures = dict[str, float]


def result(figures: Figures, **more: Any) -> Result:
    return Result(figures=figures, dataset="d1", noise={"accuracy": 0.01}, lower_is_better=frozenset({"error"}), **more)


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., int]:
    """`python -m evals toy …` with the figures given, a folder for its output and one for its baselines."""
    current: dict[str, Any] = {}
    module = types.ModuleType("toy_task")
    module.NAME, module.HELP = "toy", "measures nothing"  # type: ignore[attr-defined]

    def add_arguments(parser: ArgumentParser) -> None:
        parser.add_argument("--seed", type=int, default=7)

    def measure(args: Namespace, progress: core.Progress) -> Result:
        progress("measuring")
        if "error" in current:
            raise current["error"]
        if current["parts"]:
            parts = tuple(result(figures, variant=name, label=name) for name, figures in current["parts"].items())
            return Result({}, dataset="d1", parts=parts)
        return result(current["figures"], made_by={"seed": args.seed, "model": "none"}, variant=current["variant"])

    module.add_arguments, module.run = add_arguments, measure  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "toy_task", module)
    monkeypatch.setitem(core.TASKS, "toy", "toy_task")

    def call(
        figures: Figures,
        *options: str,
        variant: str = "",
        error: BaseException | None = None,
        parts: dict[str, Figures] | None = None,
    ) -> int:
        current.update(figures=figures, variant=variant, parts=parts)
        if error:
            current["error"] = error
        return core.main(["toy", "--out", str(tmp_path / "out"), "--baselines", str(tmp_path / "baselines"), *options])

    return call


def test_a_run_writes_its_three_files_with_a_full_stamp(run: Callable[..., int], tmp_path: Path) -> None:
    assert run({"accuracy": 0.5}, "--seed", "3") == 0
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"report.md", "report.html", "results.json"}
    written = json.loads((tmp_path / "out" / "results.json").read_text())
    assert written["figures"] == {"accuracy": 0.5}
    stamped = written["stamp"]
    assert {"revision", "dirty", "model", "prompts", "seed", "dataset", "hardware", "time", "command"} <= stamped.keys()
    assert (stamped["seed"], stamped["dataset"]) == (3, "d1")
    assert "--seed 3" in stamped["command"]
    assert not (tmp_path / "baselines").exists()


@pytest.mark.parametrize(
    ("figures", "status", "complaint"),
    [
        ({"accuracy": 0.80, "error": 0.30}, 0, None),
        ({"accuracy": 0.99, "error": 0.01}, 0, None),
        ({"accuracy": 0.791, "error": 0.319}, 0, None),
        ({"accuracy": 0.78, "error": 0.30}, 1, "accuracy: 0.7800, baseline 0.8000, allowed to differ by 0.0100"),
        ({"accuracy": 0.80, "error": 0.33}, 1, "error: 0.3300"),
        ({"accuracy": 0.80}, 1, "error: no figure"),
        ({"accuracy": math.nan, "error": 0.30}, 1, "accuracy: no figure"),
    ],
)
def test_the_gate(
    run: Callable[..., int], capsys: pytest.CaptureFixture[str], figures: Figures, status: int, complaint: str | None
) -> None:
    assert run({"accuracy": 0.80, "error": 0.30}, "--update-baseline") == 0
    capsys.readouterr()
    assert run(figures, "--gate") == status
    failures = [line for line in capsys.readouterr().out.splitlines() if line.startswith("FAILED")]
    assert len(failures) == status
    assert complaint is None or complaint in failures[0]


def test_without_the_gate_a_worse_figure_is_no_failure(run: Callable[..., int]) -> None:
    run({"accuracy": 0.8}, "--update-baseline")
    assert run({"accuracy": 0.1}) == 0


def test_a_baseline_says_how_it_was_made_and_variants_have_their_own(run: Callable[..., int], tmp_path: Path) -> None:
    run({"accuracy": 0.8, "error": 0.3}, "--update-baseline", "--seed", "5", variant="large")
    written = json.loads((tmp_path / "baselines" / "toy-large.json").read_text())
    assert written["accuracy"] == {"value": 0.8, "noise": 0.01, "higher_is_better": True}
    assert written["error"] == {"value": 0.3, "noise": gate.DEFAULT_NOISE, "higher_is_better": False}
    assert written["command"] == "python -m evals toy --seed 5"
    assert run({"accuracy": 0.8, "error": 0.3}, "--gate", variant="large") == 0


@pytest.mark.parametrize("content", [None, "{", "[]", '{"accuracy": {"value": 1}}', '{"accuracy": 3}'])
def test_a_baseline_that_is_missing_or_broken_is_one_clear_line(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str], content: str | None
) -> None:
    if content is not None:
        (tmp_path / "baselines").mkdir()
        (tmp_path / "baselines" / "toy.json").write_text(content)
    assert run({"accuracy": 0.8}, "--gate") == 1
    assert "baseline" in capsys.readouterr().err.splitlines()[-1]


def test_changed_data_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "b.json"
    gate.write_baseline(path, Result({"a": 1.0}, dataset="old"), "command")
    failures, notes = gate.compare(path, Result({"a": 1.0, "b": 0.5}, dataset="new"))
    assert failures == []
    assert any("data has changed" in note for note in notes)
    assert any("b has no baseline" in note for note in notes)


def test_no_number_is_no_baseline(run: Callable[..., int], tmp_path: Path) -> None:
    assert run({"accuracy": math.nan}, "--update-baseline") == 1
    assert not (tmp_path / "baselines" / "toy.json").exists()


def test_a_person_s_error_is_one_line(run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert run({}, error=InterviewerError("no such model")) == 1
    assert capsys.readouterr().err.splitlines()[-1] == "evals: no such model"


@pytest.mark.parametrize("arguments", [[], ["nonsense"], ["toy", "--gate", "--update-baseline"], ["toy", "--unknown"]])
def test_wrong_usage(run: Callable[..., int], arguments: list[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        core.main(arguments)
    assert exit_.value.code == 2


def test_every_registered_task_keeps_the_interface() -> None:
    for name in core.TASKS:
        task = core._load(name)
        assert name == task.NAME
        assert task.HELP
        task.add_arguments(ArgumentParser())
        assert callable(task.run)


def test_several_things_measured_have_a_baseline_each_and_each_can_fail(
    run: Callable[..., int], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    both = {"": {"accuracy": 0.8}, "large": {"accuracy": 0.9}}
    assert run({}, "--update-baseline", parts=both) == 0
    assert {path.name for path in (tmp_path / "baselines").iterdir()} == {"toy.json", "toy-large.json"}
    assert run({}, "--gate", parts=both) == 0
    capsys.readouterr()
    assert run({}, "--gate", parts={"": {"accuracy": 0.8}, "large": {"accuracy": 0.8}}) == 1
    out = capsys.readouterr().out
    assert "FAILED large: accuracy: 0.8000" in out
    assert out.count("FAILED") == 1
    written = json.loads((tmp_path / "out" / "results.json").read_text())
    assert [(p["variant"], p["figures"]) for p in written["parts"]] == [("", {"accuracy": 0.8}), ("large", {"accuracy": 0.8})]


def test_an_interrupted_run_says_how_to_go_on(run: Callable[..., int], capsys: pytest.CaptureFixture[str]) -> None:
    assert run({}, error=KeyboardInterrupt()) == 130
    assert "the same command goes on" in capsys.readouterr().err


def test_passwords_in_addresses_are_not_written() -> None:
    assert (
        core._shown(["toy", "--base-url", "http://me:secret@host/v1"])
        == "python -m evals toy --base-url 'http://me:***@host/v1'"
    )


# ---------------------------------------------------------------- the report

HOSTILE = '<script>alert("1")</script> & 中文 | 竖线'


@pytest.fixture
def hostile() -> Result:
    return result(
        {"accuracy": 0.5, "nothing": math.nan},
        tables=(Table(HOSTILE, ("name", "n"), ((HOSTILE, 1), ("x", None), ("y", math.inf))),),
        charts=(
            Chart(HOSTILE, (Bar(HOSTILE, 0.5, 0.4, 0.6), Bar("beyond", 3.0), Bar("nan", math.nan), Bar("below", -1.0))),
            Curves(HOSTILE, HOSTILE, HOSTILE, ((HOSTILE, (Dot(0.25, 0.5, 0.4, 0.7, 9), Dot(0.5, math.nan))), ("none", ()))),
        ),
        sections=(Section(HOSTILE, f"first\n\n{HOSTILE}"),),
    )


def test_the_page_escapes_everything_and_loads_nothing(hostile: Result) -> None:
    page = reporting.to_html("toy", hostile, {"model": HOSTILE})
    assert "<script" not in page
    assert page.count("中文") >= 6
    for loader in ("src=", "href=", "url(", "@import", "http"):
        assert loader not in page


def test_bars_are_drawn_to_scale_inside_the_chart(hostile: Result) -> None:
    drawing = ElementTree.fromstring(plots.bars_svg(hostile.charts[0]))
    widths = [float(rect.attrib["width"]) for rect in drawing.iter("rect")]
    assert widths == [210.0, 420.0, 0.0, 0.0]
    own_scale = ElementTree.fromstring(plots.bars_svg(Chart("t", (Bar("a", 5), Bar("b", 10)), maximum=None)))
    assert [float(rect.attrib["width"]) for rect in own_scale.iter("rect")] == [210.0, 420.0]
    assert ElementTree.fromstring(plots.bars_svg(Chart("empty", ()))) is not None


def test_curves_are_drawn_to_scale(hostile: Result) -> None:
    """The square is 380 wide from (60, 10): x = 60 + 0.25·380, y = 10 + 0.5·380; the interval runs from 0.4 to 0.7."""
    drawing = ElementTree.fromstring(plots.curves_svg(hostile.charts[1]))  # type: ignore[arg-type]
    (point,) = (c.attrib for c in drawing.iter("circle") if c.attrib["r"] == "9.0")
    assert (point["cx"], point["cy"]) == ("155.0", "200.0")
    (spread,) = (line.attrib for line in drawing.iter("line") if line.attrib["class"] == "spread")
    assert (spread["y1"], spread["y2"]) == ("238.0", "124.0")


def test_charts_stand_beside_the_markdown_as_files(hostile: Result, tmp_path: Path) -> None:
    reporting.write(tmp_path, "toy", hostile, {})
    text = (tmp_path / "report.md").read_text()
    for number in (1, 2):
        assert f"(chart-{number}.svg)" in text
        root = ElementTree.parse(tmp_path / f"chart-{number}.svg").getroot()
        assert root.tag == "{http://www.w3.org/2000/svg}svg"
        assert not list(root.iter("{http://www.w3.org/2000/svg}script"))


def test_long_labels_are_cut_by_the_width_of_their_signs() -> None:
    assert plots.fitted("蒸馏", 26) == "蒸馏"
    assert plots.fitted("蒸馏模型", 30) == "蒸…"
    assert plots.fitted("abcdef", 35) == "abcd…"


def test_figures_of_several_stand_side_by_side() -> None:
    parts = (
        result({"accuracy": 0.5}, label="one", intervals={"accuracy": (0.4, 0.6)}),
        result({"accuracy": 0.75, "error": 0.1}, label="two"),
    )
    text = reporting.summary(Result({}, dataset="d", parts=parts)).splitlines()
    assert [line.split("  ")[0].strip() for line in text] == ["figure", "accuracy", "error"]
    assert "0.500 [0.400, 0.600]" in text[1]
    assert text[1].endswith("0.750")
    assert text[2].split() == ["error", "–", "0.100"]


def test_markdown_cells_stay_in_their_cells(hostile: Result) -> None:
    lines = reporting.to_markdown("toy", hostile, {}).splitlines()
    row = next(line for line in lines if line.startswith("| <script>"))
    assert row.replace("\\|", "").count("|") == 3


def test_results_are_valid_json_even_without_numbers(hostile: Result, tmp_path: Path) -> None:
    reporting.write(tmp_path / "deep" / "er", "toy", hostile, {})
    text = (tmp_path / "deep" / "er" / "results.json").read_text()
    assert json.loads(text, parse_constant=pytest.fail)["figures"] == {"accuracy": 0.5, "nothing": None}


# ---------------------------------------------------------------- pieces


def test_the_stamp_outside_a_checkout_says_unknown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(stamp, "_ROOT", tmp_path)
    made = stamp.make_stamp("toy", "command", result({}), 1.0)
    assert (made["revision"], made["dirty"]) == ("unknown", None)


def test_the_dataset_hash_sees_where_texts_end() -> None:
    assert dataset_hash(["ab", "c"]) != dataset_hash(["a", "bc"])
    assert dataset_hash(["ab", "c"]) == dataset_hash(iter(["ab", "c"]))


def test_each_question_counts_once_and_what_is_not_found_counts_nothing() -> None:
    """q1: ranks 1, 2, missing, missing → recall@1 1/4, recall@5 1/2, MRR 3/8; q2: rank 10 → 0, 0, 1/10."""
    score = summarise([("q1", 1), ("q1", 2), ("q1", None), ("q1", None), ("q2", 10)], seed=0)
    assert (score.recall1, score.recall5) == pytest.approx((1 / 8, 1 / 4))
    assert score.mrr == pytest.approx((3 / 8 + 1 / 10) / 2)
    for value, (low, high), (least, most) in zip(
        score.values, score.intervals, [(0, 1 / 4), (0, 1 / 2), (1 / 10, 3 / 8)], strict=True
    ):
        assert least <= low <= value <= high <= most
    # Two questions: a resample holds either one twice (1/4 each) or both, so the spread is their distance / √8.
    assert score.errors == pytest.approx([d / 8**0.5 for d in (1 / 4, 1 / 2, 3 / 8 - 1 / 10)], rel=0.05)


@pytest.mark.parametrize(
    ("text", "lang"), [("梯度", "zh"), ("梯度 gradient", "mixed"), ("gradient", "en"), ("第 3 层", "mixed")]
)
def test_query_language(text: str, lang: str) -> None:
    assert query_language(text) == lang
