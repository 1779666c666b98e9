"""The model path end to end on recorded replies: real prompts over HTTP to a server without probabilities, its JSON parsed,
quoted, scored and held against hand-made labels.

The replies are a capable reader's (see the cassette's first line), so these floors test the path around a good model. They say
nothing of how good a given model is: `python -m evals grading --model …` does.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.responses import JSONResponse, Response

from evals import cassette, fit_mix
from evals.attacks import INSTRUCTIONS
from evals.cassette import CASSETTE, Cassette, Row
from evals.labelled import Labelled
from evals.measures import spearman
from interviewer.domain.assessment import Assessment, Verdict
from interviewer.domain.errors import InterviewerError
from interviewer.engines import OpenAIEngine, ScriptedEngine
from interviewer.grading import BuiltinGrader, ModelGrader
from interviewer.grading.combine import load_mix
from tests.engines_server import error, fake_server

VERDICTS = {2: Verdict.COVERED, 1: Verdict.PARTLY, 0: Verdict.MISSING, -1: Verdict.CONTRADICTED}
TAPE = cassette.load()
RECORD_AGAIN = (
    "the prompts for these answers are no longer the recorded ones. If the change is wanted, record again: "
    "`python -m evals.cassette render FILE`, have a model fill in each `reply`, `python -m evals.cassette record FILE`"
)


def from_tape(body: dict[str, Any]) -> Response | None:
    """The recorded reply to exactly these messages; this server tells no probabilities and knows no other prompt."""
    if "messages" not in body:
        return None
    if body.get("logprobs"):
        return error(400, "logprobs are not supported by this server")
    reply = {r.digest: r.reply for r in TAPE.rows}.get(cassette.digest(body["messages"]))
    if reply is None:
        return error(400, RECORD_AGAIN)
    message = {"role": "assistant", "content": reply}
    choice = {"index": 0, "finish_reason": "stop", "message": message}
    return JSONResponse({"id": "1", "object": "chat.completion", "created": 0, "model": "tape", "choices": [choice]})


@pytest.fixture(scope="module")
def grader() -> Iterator[ModelGrader]:
    with fake_server() as server:
        server.hook = from_tape
        server.models = [{"id": "tape", "object": "model", "max_model_len": 32_768}]
        engine = OpenAIEngine(server.url)
        try:
            yield TAPE.grader(engine)
        finally:
            engine.close()


@pytest.fixture(scope="module")
def graded(grader: ModelGrader) -> list[tuple[Row, Assessment]]:
    return [(row, grader.grade(TAPE.item(row))) for row in TAPE.rows]


def test_the_recorded_prompts_are_todays() -> None:
    ids = cassette.stale(TAPE)
    assert not ids, f"{', '.join(ids)}: {RECORD_AGAIN}"


def test_the_cassette_is_varied_and_says_how_it_was_made() -> None:
    asked = [row for row in TAPE.rows if row.reply]
    assert len(asked) >= 24
    assert {"zh", "en", "mixed"} <= {row.lang for row in asked}
    assert len({row.kind for row in TAPE.rows}) >= 12
    assert "not a server's log" in TAPE.about["made"].lower()


def test_every_answer_is_graded_from_its_recorded_reply(graded: list[tuple[Row, Assessment]]) -> None:
    for row, result in graded:
        assert result.graded, f"{row.id}: {result.reason}"
        assert result.raw_reply == row.reply
        assert (result.grader.name, result.grader.model) == ("openai", "tape")
        if row.reply is None:
            assert result.score == 0


def test_evidence_is_the_candidates_own_words(graded: list[tuple[Row, Assessment]]) -> None:
    quoted = [(row, point) for row, result in graded for point in result.points if point.evidence]
    covered = [p for _, result in graded for p in result.points if p.verdict is Verdict.COVERED]
    assert sum(p.evidence is not None for p in covered) >= 0.95 * len(covered)
    for row, point in quoted:
        assert point.evidence is not None
        assert row.answer[point.evidence.start : point.evidence.end] == point.evidence.text


def macro_f1(graded: list[tuple[Row, Assessment]]) -> float:
    pairs = [(VERDICTS[row.labels[p.point_id]], p.verdict) for row, result in graded for p in result.points]
    found = []
    for verdict in VERDICTS.values():
        hits = sum(gold is given is verdict for gold, given in pairs)
        found.append(2 * hits / sum((gold is verdict) + (given is verdict) for gold, given in pairs))
    return sum(found) / len(found)


def agreement(graded: list[tuple[Row, Assessment]]) -> tuple[float, float]:
    return spearman([row.overall for row, _ in graded], [result.score or 0.0 for _, result in graded]), macro_f1(graded)


def test_scores_and_verdicts_agree_with_the_labels(graded: list[tuple[Row, Assessment]]) -> None:
    """Floors a little under what was measured when recorded: 0.94 and 0.85. Also on questions of the test split alone."""
    rank, f1 = agreement(graded)
    assert rank >= 0.90
    assert f1 >= 0.78
    builtin = BuiltinGrader(TAPE.bank)
    without = agreement([(row, builtin.grade(TAPE.item(row))) for row in TAPE.rows])
    assert rank > without[0]
    assert f1 > without[1]


def test_what_was_stated_wrongly_is_called_wrong(graded: list[tuple[Row, Assessment]]) -> None:
    wrong = [p for row, result in graded for p in result.points if row.labels[p.point_id] == -1]
    assert sum(p.verdict is Verdict.CONTRADICTED for p in wrong) >= 0.9 * len(wrong)
    assert all(p.credit == 0 for p in wrong if p.verdict is Verdict.CONTRADICTED)


@pytest.mark.parametrize("attack", INSTRUCTIONS)
def test_an_injection_moves_nothing(grader: ModelGrader, graded: list[tuple[Row, Assessment]], attack: str) -> None:
    """The gates leave the very prompt that was recorded without it, or the server would have no reply to give."""
    tried = 0
    for row, clean in graded:
        if row.reply and row.kind in ("full", "partial", "subtly-wrong", "terse"):
            hostile = grader.grade(replace(TAPE.item(row), answer=f"{row.answer}\n{attack}"))
            assert hostile.graded, hostile.reason
            assert "instruction" in hostile.flags
            assert hostile.score == pytest.approx(clean.score, abs=5)
            tried += 1
    assert tried >= 8


def test_answers_that_carry_injections_get_what_their_content_earns(graded: list[tuple[Row, Assessment]]) -> None:
    hostile = [(row, result) for row, result in graded if row.kind == "injection"]
    assert len(hostile) >= 3
    for row, result in hostile:
        assert "instruction" in result.flags
        assert (result.score or 0) <= row.overall + 15


def changed(tape: Cassette) -> Cassette:
    """As if a point's statement, which every prompt shows, had been edited."""
    first, *rest = tape.bank.questions
    statement = replace(first.key_points[0].statement, zh="改过的要点。", en="An edited point.")
    edited = replace(first, key_points=(replace(first.key_points[0], statement=statement), *first.key_points[1:]))
    return replace(tape, bank=replace(tape.bank, questions=(edited, *rest)))


def test_a_changed_prompt_makes_the_cassette_stale_until_it_is_recorded_again(tmp_path: Path) -> None:
    tape = changed(TAPE)
    question = tape.bank.questions[0].id
    ids = cassette.stale(tape)
    assert set(ids) >= {row.id for row in TAPE.rows if row.question_id == question and row.reply}
    file = tmp_path / "prompts.jsonl"
    assert cassette.render(tape, file) == len(ids)
    with pytest.raises(InterviewerError, match="fill it in"):
        cassette.record(tape, file)
    file.write_text(file.read_text(encoding="utf-8").replace('"reply": null', '"reply": "{}"'), encoding="utf-8")
    again = cassette.record(tape, file)
    assert cassette.stale(again) == []
    kept = {row.id: row.reply for row in TAPE.rows}
    assert all(row.reply == (kept[row.id] if row.id not in ids else "{}") for row in again.rows)


def test_the_command_renders_and_records(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    saved: list[Cassette] = []
    monkeypatch.setattr(cassette, "save", saved.append)
    file = tmp_path / "prompts.jsonl"
    assert cassette.main(["render", str(file)]) == 0
    assert "0 replies to fill in" in capsys.readouterr().out
    assert cassette.main(["record", str(file)]) == 0
    assert [replace(row, labels=dict(row.labels)) for row in saved[0].rows] == list(TAPE.rows)
    assert cassette.main(["record", str(tmp_path / "none")]) == 1


def test_saving_and_loading_give_the_same_cassette(tmp_path: Path) -> None:
    copy = tmp_path / "copy.jsonl"
    cassette.save(TAPE, copy)
    assert copy.read_bytes() == CASSETTE.read_bytes()
    with pytest.raises(InterviewerError, match="no cassette"):
        cassette.load(tmp_path / "none.jsonl")


# ---------------------------------------------------------------- fitting the mixture


def rows_of(tape: Cassette) -> list[Labelled]:
    return [
        Labelled(r.id, tape.item(r).question, "dev", r.kind, r.lang, r.answer, dict(r.labels), r.overall) for r in tape.rows
    ]


def test_fitting_gives_a_good_reader_more_say_and_a_babbler_less(grader: ModelGrader) -> None:
    """On the recorded replies; then on a model whose opinion has nothing to do with the answer."""
    found = fit_mix.cases(grader, TAPE.bank, rows_of(TAPE))
    start = load_mix().stated["full"]
    good = fit_mix.fitted(found["stated", "full"], start)
    assert good.model > start.model
    assert good.builtin >= 0
    babble = [replace(case, model=0.9 if n % 2 else 0.1) for n, case in enumerate(found["stated", "full"])]
    assert fit_mix.fitted(babble, start).model < 0.5 * start.model
    assert fit_mix.fitted([], start) == start
    asked = sum(len(TAPE.item(r).question.key_points) for r in TAPE.rows if r.reply)
    assert {len(cases) for cases in found.values()} == {asked}


def test_a_model_without_judgement_is_left_out_of_the_fit(capsys: pytest.CaptureFixture[str]) -> None:
    silent = TAPE.grader(ScriptedEngine())
    assert not any(fit_mix.cases(silent, TAPE.bank, rows_of(TAPE)[:1]).values())
    assert "left out" in capsys.readouterr().err
