"""`export --replay`: assessments made again from the record alone, and told apart from what a change has made of them."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace

import pytest

from interviewer import modelslot, wiring
from interviewer.cli import main
from interviewer.config import Settings
from interviewer.domain.assessment import Assessment
from interviewer.domain.errors import ContextOverflow, EngineError
from interviewer.domain.questions import Bank, LocalText
from interviewer.domain.transcript import Setup, TurnKind
from interviewer.engines import ScriptedEngine
from interviewer.engines.recorded import RecordingEngine, ReplayingEngine
from interviewer.grading import combine
from interviewer.ports import ChatRequest, ChoiceRequest, EngineInfo, Message
from interviewer.replay import code_mark, rederive
from interviewer.session import Interview
from interviewer.wiring import Parts, build
from tests.faulty import FaultyEngine, SmallLibrary, fails

ANSWER = "我认为它主要是让训练更稳定，同时节省显存，具体做法是把数据分成小批来处理"
CHOOSE = ChoiceRequest((Message("system", "Judge."),), ("Covered?", "Wrong?"), ("yes", "no"))
ASK = ChatRequest((Message("user", "Judge."),))


class Revised(FaultyEngine):
    """One whose weights have a name, and whose probabilities have more digits than anyone needs."""

    @property
    def info(self) -> EngineInfo:
        return replace(self.script.info, revision="0123abcd")

    def score_choices(self, request: ChoiceRequest) -> list[tuple[float, ...]] | None:
        self._work(self.judging)
        size = len(request.choices)
        weights = [
            [1 / (3 + (number * 7 + place * 3) % 11) for place in range(size)] for number, _ in enumerate(request.endings)
        ]
        return [tuple(weight / sum(row) for weight in row) for row in weights]


@pytest.fixture
def few(bank: Bank) -> Bank:
    return Bank(bank.questions[:12], bank.topics)


@pytest.fixture
def engine() -> FaultyEngine:
    return Revised()


@pytest.fixture
def parts(settings: Settings, few: Bank, engine: FaultyEngine, monkeypatch: pytest.MonkeyPatch) -> Iterator[Parts]:
    monkeypatch.setattr(wiring, "Library", lambda _: SmallLibrary(few))
    monkeypatch.setattr(modelslot, "load_engine", lambda *_, **__: engine)
    built = build(replace(settings, engine="transformers", model="tiny"))
    built.model.wait(60)
    yield built
    built.close()


def held(parts: Parts, engine: FaultyEngine) -> Interview:
    """An interview with everything in it: judged by the model, by the built-in grader in its place, and not at all."""
    interview = parts.interviews.start(Setup(lang="zh", questions=4, follow_ups=1, seed=5))
    list(interview.proceed())
    list(interview.say(ANSWER))
    list(interview.say("还有就是学习率要跟着批量调整"))
    engine.judging = fails(lambda: EngineError("lost it"))
    list(interview.say(ANSWER))
    engine.judging = None
    list(interview.request(TurnKind.SKIP))
    list(interview.say("不知道"))
    list(interview.say("真的不知道"))
    while not interview.finished:
        list(interview.say("小批量的梯度噪声大，收敛反而可能更好"))
    return interview


def test_every_assessment_comes_out_the_same_without_the_model(parts: Parts, engine: FaultyEngine) -> None:
    interview = held(parts, engine)
    asked = engine.asked
    again = parts.rederive(interview.id)
    history = parts.store.history(interview.id)
    assert [(one.turn, one.question_id) for one in again] == [(number, a.question_id) for number, a in history]
    assert {one.grader.name for one in again} == {"scripted", "builtin"}
    assert [one.differences for one in again] == [()] * len(history)
    assert [one.changes for one in again] == [()] * len(history)
    assert [one.again for one in again] == [assessment.score for _, assessment in history]
    assert parts.rederive(interview.id) == again
    assert engine.asked == asked


def test_what_it_was_made_from_is_kept(parts: Parts, engine: FaultyEngine) -> None:
    interview = held(parts, engine)
    model = [a for _, a in parts.store.history(interview.id) if a.grader.model]
    assert model
    for assessment in model:
        assert assessment.basis is not None
        assert assessment.basis.passages == ("passage-7",)
        assert assessment.basis.revision == "0123abcd"
        assert assessment.basis.code == code_mark()
        assert assessment.grader.prompt
    assert any(assessment.basis and assessment.basis.replies for assessment in model)
    phrased = [t.provenance for t in interview.turns if t.provenance and t.provenance.model]
    assert phrased
    for provenance in phrased:
        assert provenance.revision == "0123abcd"
        assert provenance.seed
        assert "@" in (provenance.prompt or "")


def test_a_changed_question_is_named(parts: Parts, engine: FaultyEngine, few: Bank) -> None:
    interview = held(parts, engine)
    first = next(iter(parts.rederive(interview.id)))
    question = few.get(first.question_id)
    assert question is not None
    heavier = replace(question, key_points=tuple(
        replace(point, weight=point.weight * (9 if number == 0 else 1), statement=LocalText(en="nothing like it"), accepted=())
        for number, point in enumerate(question.key_points)
    ))  # fmt: skip
    changed = Bank(tuple(heavier if q is question else q for q in few), few.topics)
    stored, history = parts.store.load(interview.id), parts.store.history(interview.id)
    again = rederive(stored, history, changed, parts.prompts)
    assert again[0].differences
    assert "the bank's question has changed" in again[0].changes
    others = [one for one in again if one.question_id != first.question_id]
    assert all("other questions of the bank have changed" in one.changes[0] for one in others)
    gone = rederive(stored, history, Bank(tuple(q for q in few if q is not question), few.topics), parts.prompts)
    assert gone[0].differences == ("the question is no longer in the bank",)


def test_a_changed_grader_is_named(parts: Parts, engine: FaultyEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    interview = held(parts, engine)
    stored, history = parts.store.load(interview.id), parts.store.history(interview.id)
    level = {known: combine.Weights(-3.0, 1.0, 0.0) for known in combine.KNOWLEDGE}
    monkeypatch.setattr("interviewer.grading.model.load_mix", lambda _: combine.Mix(level, level, "other"))
    judged = [one for one in rederive(stored, history, parts.bank, parts.prompts) if one.grader.model and one.score]
    assert judged
    assert all(not one.same for one in judged)
    assert all("(mix other" in one.changes[0] for one in judged)


def test_an_assessment_from_before_replies_were_kept(parts: Parts, engine: FaultyEngine) -> None:
    interview = held(parts, engine)
    stored, history = parts.store.load(interview.id), parts.store.history(interview.id)
    bare: list[tuple[int, Assessment]] = [(number, replace(assessment, basis=None)) for number, assessment in history]
    for one in rederive(stored, bare, parts.bank, parts.prompts):
        if one.grader.model:
            assert one.differences == ("what the model replied was not kept, and it is not asked again",)
        else:
            assert one.same
            assert one.changes == ("what it was made from was not recorded",)


def test_the_command(
    parts: Parts, engine: FaultyEngine, capsys: pytest.CaptureFixture[str], few: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    interview = held(parts, engine)
    data = str(parts.settings.data)
    assert main(["export", interview.id, "--replay", "--data", data]) == 0
    told = capsys.readouterr().out
    count = len(parts.store.history(interview.id))
    assert f"{count} of {count} assessments come out the same" in told
    assert "DIFFERENT" not in told
    monkeypatch.setattr(wiring, "Library", lambda _: SmallLibrary(Bank(few.questions[:1], few.topics)))
    assert main(["export", "last", "--replay", "--json", "--data", data]) == 1
    value = json.loads(capsys.readouterr().out)
    assert value["of"] == count
    assert value["same"] < count
    assert "no longer in the bank" in str(value["assessments"])
    assert main(["export", "last", "--replay", "--data", data]) == 1
    assert "because" in capsys.readouterr().out


def test_a_running_real_interview_gives_nothing_away(parts: Parts, capsys: pytest.CaptureFixture[str]) -> None:
    interview = parts.interviews.start(Setup(lang="zh", mode="real"))
    list(interview.proceed())
    list(interview.say(ANSWER))
    assert main(["export", interview.id, "--replay", "--data", str(parts.settings.data)]) == 1
    seen = capsys.readouterr()
    assert "still running" in seen.err
    assert not seen.out


# ---------------------------------------------------------------- the record itself


def test_replies_come_back_in_order_and_errors_too() -> None:
    script = FaultyEngine(ScriptedEngine(lambda _: '{"ok": true}', scores={"": (1, 2)}))
    recorder = RecordingEngine(script)
    with recorder.recording() as replies:
        first = recorder.score_choices(CHOOSE)
        script.judging = fails(lambda: ContextOverflow("too long"))
        with pytest.raises(ContextOverflow):
            recorder.score_choices(CHOOSE)
        script.judging = None
        second = recorder.complete_json(ASK, {"type": "object"})
    assert recorder.score_choices(CHOOSE) == first == [(0.333333, 0.666667)] * 2
    assert len(replies) == 3, "nothing is kept outside"
    replaying = ReplayingEngine(recorder.info, replies)
    assert replaying.score_choices(CHOOSE) == first
    with pytest.raises(ContextOverflow, match="too long"):
        replaying.score_choices(CHOOSE)
    assert replaying.complete_json(ASK, {}) == second == ({"ok": True}, '{"ok": true}')
    with pytest.raises(EngineError, match="not asked for then"):
        replaying.score_choices(CHOOSE)


def test_an_engine_that_tells_no_probabilities_is_recorded_as_one() -> None:
    recorder = RecordingEngine(ScriptedEngine(lambda _: "x"))
    with recorder.recording() as replies:
        assert recorder.score_choices(CHOOSE) is None
    assert ReplayingEngine(recorder.info, replies).score_choices(CHOOSE) is None
