"""Simulated candidates, the interviews they hold, and what is counted of them."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from evals import core, interview, interview_figures
from evals.candidates import AnswerBook, Belief, Candidate, Wording, chance
from evals.labelled import Labelled
from evals.simulation import Aim, Closed, Held, Remark, hold
from interviewer.dialogue.policy import Move
from interviewer.dialogue.speakers import BuiltinSpeaker, ModelSpeaker, Utterance
from interviewer.dialogue.state import EndOfQuestion
from interviewer.dialogue.wording import Scene
from interviewer.dialogue.wording import Wording as AuthoredWording
from interviewer.domain.questions import Bank, KeyPoint, LocalText, Question
from interviewer.domain.transcript import Setup, TurnKind
from interviewer.engines.scripted import ScriptedEngine
from interviewer.ports import ChatRequest, Store
from interviewer.prompting import PromptBook
from interviewer.session import Cast, Interviews
from interviewer.storage import open_store
from tests.simulate import MarkedGrader

POINTS = (
    KeyPoint("boil", LocalText(en="Boiling water needs a hot kettle"), 3, (("kettle",),), ("put the kettle on",), ("cold water brews best",), LocalText(en="What comes first?")),
    KeyPoint("leaves", LocalText(en="Loose leaves unfold inside a pot"), 2, (("leaves",),), (), ("leaves belong into the cup",), LocalText(en="Where does the tea go?")),
    KeyPoint("steep", LocalText(en="Steeping takes three minutes"), 1, (("steeping",),), (), ("steeping takes an hour",), LocalText(en="How long?")),
)  # fmt: skip
QUESTION = Question("tea", "drinks", 1, LocalText(en="How do you make it?"), LocalText(en="Like that."), POINTS)
OTHER = replace(QUESTION, id="coffee", text=LocalText(en="And the brown one, how is that made at home?"))
BANK = Bank((QUESTION, OTHER), {"drinks": LocalText(en="Drinks")})
HEAT = "[boil] My kettle gets the water boiling hot."
POT = "[leaves] Then loose leaves may unfold in some big pot."
TIME = "[steep] Steeping them takes me about three or four minutes."


def row(name: str, answer: str, labels: tuple[int, int, int], kind: str = "full", question: Question = QUESTION) -> Labelled:
    ids = [p.id for p in POINTS]
    return Labelled(f"{question.id}/{name}", question, "dev", kind, "en", answer, dict(zip(ids, labels, strict=True)), 50.0)


def rows(question: Question = QUESTION) -> list[Labelled]:
    return [
        row("full", f"{HEAT} {POT} {TIME}", (2, 2, 2), question=question),
        row("heat", "[boil] I always let the kettle sing until the water is properly boiling.", (2, 0, 0), "partial", question),
        row(
            "wrong",
            "[!boil] Any kettle is wrong, lukewarm water it must be. And I forget the rest of it.",
            (-1, 0, 0),
            question=question,
        ),
    ]


def candidate(skill: float, seed: int = 1, book: AnswerBook | None = None) -> Candidate:
    return Candidate("ann", skill, "en", book or AnswerBook(rows()), seed)


def with_beliefs(boil: Belief, leaves: Belief, steep: Belief, book: AnswerBook | None = None) -> Candidate:
    person = candidate(0.5, book=book)
    person.beliefs(QUESTION).update({"boil": boil, "leaves": leaves, "steep": steep})
    return person


K, W, B = Belief.KNOWS, Belief.WRONG, Belief.BLANK


# ---------------------------------------------------------------- answers


def test_a_sentence_belongs_to_the_point_whose_words_it_has_and_whose_label_says_so() -> None:
    book = AnswerBook(rows())
    assert {line.text for line in book.lines("tea", "leaves", 2, "en")} == {POT}
    assert {line.row for line in book.lines("tea", "boil", 2, "en")} == {"tea/full", "tea/heat"}
    assert {line.row for line in book.lines("tea", "boil", 2, "en", besides="tea/full")} == {"tea/heat"}
    assert [line.row for line in book.lines("tea", "boil", -1, "en")] == ["tea/wrong"]
    assert not book.lines("tea", "leaves", 2, "zh")


def test_a_point_only_touched_gives_no_sentence() -> None:
    assert not AnswerBook([row("a", f"{HEAT} {POT}", (2, 1, 0))]).lines("tea", "leaves", 1, "en")


@pytest.mark.parametrize("kind", ["injection", "keyword-list", "echo", "off-topic", "dont-know"])
def test_what_is_no_attempt_is_never_said(kind: str) -> None:
    book = AnswerBook([row("a", HEAT, (2, 0, 0), kind)])
    assert not book.answers("tea", "en")
    assert not book.lines("tea", "boil", 2, "en")


def test_the_graders_own_phrasings_are_never_held_out() -> None:
    book = AnswerBook(
        [row("a", f"Boiling water needs a hot kettle. {POT}", (2, 2, 0)), row("b", "Put the kettle on!", (2, 0, 0))]
    )
    assert not book.lines("tea", "boil", 2, "en")
    assert book.lines("tea", "leaves", 2, "en")


def test_only_questions_with_a_choice_of_answers_take_part() -> None:
    book = AnswerBook([*rows(), row("one", HEAT, (2, 0, 0), question=OTHER)])
    assert [q.id for q in book.bank(BANK, "en")] == ["tea"]
    assert not len(book.bank(BANK, "zh"))


# ---------------------------------------------------------------- candidates


def test_skill_is_the_chance_to_know() -> None:
    assert candidate(0.0).knows(QUESTION) == 0
    assert candidate(1.0).knows(QUESTION) == 1
    many = [Candidate(str(i), 0.7, "en", AnswerBook([]), 1).beliefs(QUESTION)["boil"] is K for i in range(400)]
    assert 0.62 < sum(many) / 400 < 0.78
    assert candidate(0.5).beliefs(QUESTION) == candidate(0.5).beliefs(QUESTION)
    assert 0 <= chance("a", 1) < 1
    assert chance("a", 1) != chance("a", 2)


def test_a_candidate_says_the_answer_nearest_to_its_mind() -> None:
    for beliefs, said in (((K, K, K), "tea/full"), ((K, B, B), "tea/heat"), ((W, B, B), "tea/wrong")):
        person = with_beliefs(*beliefs)
        reply = person.answer(QUESTION)
        answers = {r.answer: r.id for r in rows()}
        assert (answers[reply.text], reply.wording) == (said, Wording.ANSWER)
        assert person.said(QUESTION) == dict(reply.labels)
        assert person.revised == 0


def test_saying_a_thing_is_knowing_it() -> None:
    person = with_beliefs(K, K, B, book=AnswerBook(rows()[:1]))
    assert person.answer(QUESTION).labels["steep"] == 2
    assert person.beliefs(QUESTION)["steep"] is K
    assert (person.revised, person.points) == (1, 3)
    assert person.knows(QUESTION) == person.showed(QUESTION) == 1


def test_who_has_nothing_in_mind_says_so() -> None:
    person = with_beliefs(B, B, B)
    reply = person.answer(QUESTION)
    assert (reply.wording, reply.meant, person.showed(QUESTION)) == (Wording.NOTHING, TurnKind.DONT_KNOW, 0)


def test_where_no_answer_is_near_sentences_are_put_together() -> None:
    lines = [
        row("full", f"{HEAT} {POT} {TIME}", (2, 2, 2)),
        row("wrong", "[!boil] Any kettle is wrong, lukewarm it is.", (-1, 0, 0)),
    ]
    seen = set()
    for seed in range(20):
        person = Candidate("ann", 0.5, "en", AnswerBook(lines), seed)
        person.beliefs(QUESTION).update({"boil": B, "leaves": K, "steep": W})
        reply = person.answer(QUESTION)
        seen.add((reply.wording, reply.text if reply.wording is Wording.SENTENCES else ""))
    assert seen == {(Wording.SENTENCES, POT), (Wording.NOTHING, "")}  # what comes to mind unasked differs


def test_a_follow_up_gets_another_rows_words_then_the_statement_then_nothing() -> None:
    person = with_beliefs(K, B, B)
    first = person.answer(QUESTION)
    again = person.about(QUESTION, "boil")
    assert (again.wording, again.text) == (Wording.HELD_OUT, HEAT)
    assert again.text not in first.text
    assert person.about(QUESTION, "leaves").wording is Wording.NOTHING
    bare = with_beliefs(K, W, B, book=AnswerBook([]))
    told = bare.about(QUESTION, "boil")
    assert told.wording is Wording.STATEMENT
    assert "oiling water needs a hot kettle" in told.text
    assert bare.about(QUESTION, "leaves").text == "leaves belong into the cup"
    assert bare.said(QUESTION) == {"boil": 2, "leaves": -1, "steep": 0}
    assert bare.showed(QUESTION) == pytest.approx(3 / 6)


def test_a_candidate_of_held_out_words_never_says_a_statement() -> None:
    book = AnswerBook(rows()[1:])  # words for one point only
    for seed in range(10):
        person = Candidate("ann", 1.0, "en", book, seed, held_out_only=True)
        assert person.beliefs(QUESTION)["boil"] is K
        assert K not in (person.beliefs(QUESTION)["leaves"], person.beliefs(QUESTION)["steep"])
        person.beliefs(QUESTION)["leaves"] = K
        assert person.about(QUESTION, "leaves").wording is Wording.NOTHING


def test_asked_for_more_it_says_the_heaviest_point_left() -> None:
    person = with_beliefs(K, K, B, book=AnswerBook([]))
    assert [dict(person.more(QUESTION).labels) for _ in range(3)] == [{"boil": 2}, {"leaves": 2}, {}]


# ---------------------------------------------------------------- interviews


class NoRetriever:
    def search(self, query: str, k: int = 5, *, question_id: str | None = None) -> list[Any]:
        return []


class Careless:
    """Says the same before every move, and then the authored line."""

    name = "careless"

    def __init__(self, wording: AuthoredWording, always: str) -> None:
        self._builtin, self._always = BuiltinSpeaker(wording), always

    def speak(self, move: Move, scene: Scene, utterance: Utterance, cancelled: Any) -> Iterator[str]:
        yield self._always + " "
        yield from self._builtin.speak(move, scene, utterance, cancelled)


@pytest.fixture
def store() -> Iterator[Store]:
    opened = open_store("sqlite://")
    yield opened
    opened.close()


def held(store: Store, prompts: PromptBook, skill: float, say: str = "", grader: object = None, questions: int = 2) -> Held:
    wording = AuthoredWording(prompts)
    voice = Careless(wording, say) if say else BuiltinSpeaker(wording)
    judge = grader or MarkedGrader()
    cast = Cast(lambda: BANK, lambda: voice, lambda: judge, lambda: NoRetriever())  # type: ignore[arg-type, return-value]
    book = AnswerBook([*rows(), *rows(OTHER)])
    setup = Setup("en", questions=questions, seed=5)
    return hold(Interviews(cast, store), store, BANK, Candidate("ann", skill, "en", book, 3), setup)


def test_an_interview_is_held_to_its_end_and_leaves_nothing_behind(store: Store, prompts: PromptBook) -> None:
    done = held(store, prompts, 1.0)
    assert (done.knew, done.showed, done.score, done.first_score) == (1, 1, 100, 100)
    assert [c.why for c in done.closed] == [EndOfQuestion.SUFFICIENT] * 2
    assert all(c.enough and c.credited == 1 for c in done.closed)
    assert (done.aims, done.remarks, done.misheard, store.list()) == ((), (), (), [])


def test_who_knows_more_scores_more_and_runs_are_repeatable(store: Store, prompts: PromptBook) -> None:
    weak, strong = held(store, prompts, 0.2), held(store, prompts, 1.0)
    assert weak.score < strong.score
    assert replace(held(store, prompts, 0.2), seconds=0) == replace(weak, seconds=0)


class Deaf(MarkedGrader):
    """Doesn't hear the point `boil` until it was said twice."""

    def grade(self, item: Any) -> Any:
        answer = item.answer if item.answer.count("[boil]") > 1 else item.answer.replace("[boil]", "")
        return super().grade(replace(item, answer=answer))


def test_a_follow_up_at_a_point_already_stated_is_seen_as_such(store: Store, prompts: PromptBook) -> None:
    done = held(store, prompts, 1.0, grader=Deaf(), questions=1)
    (aim,) = done.aims
    assert (aim.point_id, aim.label, aim.knew, aim.credit, aim.credit_after) == ("boil", 2, True, 0, 1)
    assert interview_figures.figures([done])["aimed_at_stated"] == 1


def test_a_question_left_too_early_is_seen_as_such(store: Store, prompts: PromptBook) -> None:
    class Generous(MarkedGrader):
        def grade(self, item: Any) -> Any:
            return super().grade(replace(item, answer="[boil] [leaves] [steep]"))

    done = [held(store, prompts, skill, grader=Generous()) for skill in (0.1, 0.2, 0.3, 0.4)]
    assert interview_figures.figures(done)["left_too_early"] > 0.5


def test_what_the_interviewer_gives_away_or_repeats_is_noted(store: Store, prompts: PromptBook) -> None:
    telling = held(store, prompts, 0.1, say="Remember that boiling water needs a hot thing.")
    assert "tells" in {r.why for r in telling.remarks}
    naming = held(store, prompts, 0.1, say="Well, the kettle.")
    assert "names" in {r.why for r in naming.remarks}
    nagging = held(store, prompts, 0.1, say="Could you please say a little bit more about that now?")
    assert [r.why for r in nagging.remarks].count("repeats") >= 1
    assert not held(store, prompts, 0.1, say="Fine.", questions=1).remarks


def test_fallbacks_of_a_model_are_counted_by_reason(store: Store, prompts: PromptBook) -> None:
    replies = {"Follow-up: ": "Great answer! Where does it go?", "Question: ": "**Question**"}

    def model(request: ChatRequest) -> str:
        return next((reply for mark, reply in replies.items() if mark in request.messages[-1].content), "Okay.")

    voice = ModelSpeaker(ScriptedEngine(model), AuthoredWording(prompts), prompts)
    cast = Cast(lambda: BANK, lambda: voice, lambda: MarkedGrader(), lambda: NoRetriever())  # type: ignore[arg-type, return-value]
    book = AnswerBook([*rows(), *rows(OTHER)])
    person = Candidate("ann", 0.1, "en", book, 3)
    done = hold(Interviews(cast, store), store, BANK, person, Setup("en", questions=2, seed=5))
    (table,) = interview_figures.phrased_tables([done])
    counted = {str(row[0]): dict(zip(table.columns[1:], row[1:], strict=True)) for row in table.rows}
    assert counted["markup"]["ask"] == 2
    assert counted["praise"]["follow-up"] == len(done.aims) > 0
    assert counted[interview_figures.AS_PHRASED]["open"] == counted[interview_figures.AS_PHRASED]["close"] == 1
    assert sum(row["share"] for row in counted.values()) == pytest.approx(1)
    assert interview_figures.phrased_tables([held(store, prompts, 0.5)]) == ()


# ---------------------------------------------------------------- figures


def aim(label: int, knew: bool, before: float, after: float, wording: Wording = Wording.HELD_OUT) -> Aim:
    return Aim("tea", "boil", label, knew, wording, before, after, None, "?", "!")


def some(knew: float, score: float, aims: tuple[Aim, ...] = (), **more: Any) -> Held:
    values: dict[str, Any] = {
        "name": f"{knew}/{score}", "lang": "en", "skill": knew, "knew": knew, "showed": knew, "score": score,
        "first_score": score, "turns": 10, "interviewer_turns": 5, "hints": 0, "seconds": 0.1, "revised": 0.0, "closed": (),
        "aims": aims, "remarks": (), "misheard": (), "wordings": (),
    }  # fmt: skip
    return Held(**(values | more))


def test_ordering() -> None:
    people = [some(0.1, 20), some(0.15, 10), some(0.5, 60), some(0.9, 60)]
    # Five pairs are 0.1 or more apart; four are in order and one is tied.
    assert interview_figures.pairwise(people) == pytest.approx(4.5 / 5)
    found = interview_figures.figures(people)
    assert found["spearman_known"] == pytest.approx(0.7379, abs=1e-4)
    assert found["mean_error"] == pytest.approx((0.1 + 0.05 + 0.1 + 0.3) / 4)
    assert "recovery" not in found  # no follow-ups, no figure


def test_aims_and_recovery() -> None:
    aims = (
        aim(0, True, 0.0, 1.0), aim(0, True, 0.5, 0.5), aim(0, True, 0.0, 1.0, Wording.STATEMENT),
        aim(-1, False, 0.2, 0.4), aim(0, False, 0.2, 0.0), aim(2, True, 0.0, 1.0), aim(1, True, 0.5, 1.0),
    )  # fmt: skip
    found = interview_figures.figures([some(0.5, 50, aims)])
    assert found["aimed_at_open"] == pytest.approx(5 / 7)
    assert found["aimed_at_stated"] == pytest.approx(1 / 7)
    assert found["recovery"] == pytest.approx(1.5 / 2.0)  # 1 of 1, 0 of 0.5, 0.5 of 0.5
    assert found["false_recovery"] == pytest.approx(0.2 / 1.6)


def test_shares_of_turns_and_questions() -> None:
    closed = tuple(Closed("tea", EndOfQuestion.SUFFICIENT, enough, 1, 1, 1) for enough in (True, True, False, True))
    remarks = (Remark("tells", "tea", TurnKind.HINT, "…"), Remark("names", "tea", TurnKind.ASK, "…"))
    found = interview_figures.figures([some(0.5, 50, closed=closed, remarks=remarks, misheard=(("a", "b", "c"),)), some(1, 90)])
    assert found["left_too_early"] == 0.25
    assert (found["tells"], found["names"], found["repeats"]) == (0.1, 0.1, 0)
    assert found["misheard"] == 0.5


# ---------------------------------------------------------------- the task


def test_the_command_writes_a_report_and_holds_to_its_baseline(tmp_path: Path, capsys: Any) -> None:
    command = ["interview", "--candidates", "4", "--questions", "2", "--lang", "zh"]
    places = ["--out", str(tmp_path / "out"), "--baselines", str(tmp_path)]
    assert core.main([*command, *places, "--update-baseline"]) == 0
    assert core.main([*command, *places, "--gate"]) == 0
    assert "FAILED" not in capsys.readouterr().out
    report = (tmp_path / "out" / "report.md").read_text(encoding="utf-8")
    assert "Follow-ups by what had truly been said of their point" in report
    assert core.main([*command, *places, "--questions", "500"]) == 1  # nothing to choose from


def test_every_figure_that_should_be_small_is_known() -> None:
    assert {name for name, *_ in interview_figures.FIGURES} >= interview_figures.LOWER_IS_BETTER
    assert {name for name, *_ in interview_figures.FIGURES} >= interview._NOISE.keys()
