"""How the built-in interviewer says a move: the bank's own words, led in by varied phrases from `prompts/say.*`.

Where a phrase has variants for the persona (`say.….friendly`), those are said. The same move, seed and recent turns always
give the same words. Knows no model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import reduce

from interviewer.dialogue.policy import Move
from interviewer.dialogue.state import EndOfInterview, EndOfQuestion, State, heard_points, just_touched
from interviewer.domain.questions import Bank, Hit, Lang, Question
from interviewer.domain.text import CJK_RUN
from interviewer.domain.transcript import Turn, TurnKind
from interviewer.prompting import PromptBook, Rendered

BUILTIN = "built-in"

_LEADS = {
    EndOfQuestion.SKIPPED: "say.lead.skip",
    EndOfQuestion.DONT_KNOW: "say.lead.dont-know",
    EndOfQuestion.SILENCE: "say.lead.silence",
    EndOfQuestion.OFF_TRACK: "say.lead.off-track",
    EndOfQuestion.UNGRADED: "say.lead.ungraded",
}
#: What brings the candidate back after a redirection, by its reason.
_BACK = {TurnKind.SILENCE.value: "say.redirect.start", TurnKind.SMALL_TALK.value: "say.redirect.back"}


@dataclass(frozen=True, slots=True)
class Scene:
    """What a speaker may look at: the state, the bank, the candidate's last words, and what was said lately.

    `recent` are the interviewer's last utterances, newest last; `turns` is all that was said. `turn_number` is the number the
    new turn will get.
    """

    state: State
    bank: Bank
    turn_number: int
    answer: str = ""
    recent: tuple[str, ...] = ()
    passages: tuple[Hit, ...] = ()
    turns: tuple[Turn, ...] = ()

    def question(self, move: Move) -> Question | None:
        return self.bank.get(move.question_id) if move.question_id else None

    def follows_on(self, move: Move) -> bool:
        """Whether a follow-up takes up what the candidate has just said, and isn't about something not mentioned."""
        thread = self.state.thread
        if move.cause is not TurnKind.ANSWER or thread is None or move.key_point_id is None:
            return False
        return just_touched(thread, move.key_point_id)


@dataclass(frozen=True, slots=True)
class Line:
    """What is said: the `lead` (an acknowledgement or transition) and the `body` that carries the move."""

    lead: str
    body: str
    prompt: str | None

    @property
    def text(self) -> str:
        return _join(self.lead, self.body)


class Wording:
    """Turns moves into authored text."""

    def __init__(self, prompts: PromptBook) -> None:
        self._prompts = prompts

    def line(self, move: Move, scene: Scene) -> Line:
        """The authored line for a move. Every move has one, so that there is always something to fall back on."""
        if move.kind is TurnKind.OPEN:
            return self._opening(scene)
        if move.kind is TurnKind.ASK:
            lead = self._say(self._ask_lead(move, scene), scene)
            return Line(lead.text, self._question_text(move, scene), lead.label)
        if move.kind is TurnKind.FOLLOW_UP:
            return self._follow_up(move, scene)
        if move.kind is TurnKind.HINT:
            return self._hint(move, scene)
        if move.kind is TurnKind.CLARIFY:
            text = self.rephrasing(move, scene)
            again = any(text in said for said in scene.recent)  # nobody "puts it another way" in the same words
            said = self._say("say.again" if again else "say.clarify", scene, question=text)
            return Line("", said.text, said.label)
        if move.kind is TurnKind.REDIRECT:
            return self._redirect(move, scene)
        return self._closing(move, scene)

    def rephrasing(self, move: Move, scene: Scene) -> str:
        """Another wording of what is under discussion; the same one when there is no other."""
        asked, *others = self.wordings(move, scene)
        return others[(move.step - 1) % len(others)] if others else asked

    def wordings(self, move: Move, scene: Scene) -> tuple[str, ...]:
        """What is under discussion, as asked and in other words: the probe if that came last, else the question."""
        lang = scene.state.setup.lang
        question, thread = scene.question(move), scene.state.thread
        if question is None:
            return ("",)
        if move.key_point_id and thread and move.key_point_id in thread.probed:
            return (question.point(move.key_point_id).probe.get(lang),)
        return (question.text.get(lang), *(w.get(lang) for w in question.rephrasings if w))

    def _opening(self, scene: Scene) -> Line:
        setup = scene.state.setup
        there = sum(not setup.topics or question.topic in setup.topics for question in scene.bank)
        count = _counted(min(setup.questions, there), "道题", "question", setup.lang)
        greeting = self._say("say.open.greeting", scene)
        facts = [self._say("say.open.company", scene, company=setup.company).text] if setup.company else []
        facts.append(self._say(f"say.open.{setup.mode}", scene, topics=self._topics(scene), count=count).text)
        if setup.minutes:
            facts.append(self._say("say.open.time", scene, minutes=_counted(setup.minutes, "分钟", "minute", setup.lang)).text)
        return Line(greeting.text, reduce(_join, facts), greeting.label)

    def _closing(self, move: Move, scene: Scene) -> Line:
        reason = (move.detail or EndOfInterview.DONE.value).split("/")[0]
        thanks = self._say(f"say.close.{reason}", scene)
        cut_short = reason == EndOfInterview.ASKED_TO_STOP.value
        report = self._say("say.close.report.partial" if cut_short else "say.close.report", scene)
        return Line(thanks.text, report.text, thanks.label)

    def _topics(self, scene: Scene) -> str:
        """The topics as a phrase inside a sentence."""
        lang, topics = scene.state.setup.lang, scene.state.setup.topics
        if not topics or set(topics) >= set(scene.bank.topics):
            return self._prompts.render("say.topics.all", lang).text
        titles = [_inside_sentence(scene.bank.topic_title(topic, lang)) for topic in topics[:3]]
        if lang == "zh":
            return "、".join(titles) + ("等" if len(topics) > 3 else "")
        *first, last = titles if len(topics) <= 3 else [*titles, "more"]
        return f"{', '.join(first)} and {last}" if first else last

    def _question_text(self, move: Move, scene: Scene) -> str:
        question = scene.question(move)
        return question.text.get(scene.state.setup.lang) if question else ""

    def _ask_lead(self, move: Move, scene: Scene) -> str:
        if scene.state.thread is None:
            return "say.lead.first"
        if move.cause is TurnKind.DONT_KNOW:
            return "say.lead.dont-know"
        return _LEADS.get(EndOfQuestion(move.detail), "say.lead.next") if move.detail else "say.lead.next"

    def _follow_up(self, move: Move, scene: Scene) -> Line:
        lang = scene.state.setup.lang
        lead = self._say(self._follow_up_lead(move, scene), scene)
        question = scene.question(move)
        if question is not None and move.key_point_id:
            return Line(lead.text, question.point(move.key_point_id).probe.get(lang), lead.label)
        generic = self._say("say.follow-up.generic", scene)
        return Line(lead.text, generic.text, generic.label)

    def _follow_up_lead(self, move: Move, scene: Scene) -> str:
        if move.cause is TurnKind.DONT_KNOW:
            return "say.lead.after-dont-know"
        return "say.lead.follow-up" if scene.follows_on(move) else "say.lead.follow-up.other"

    def _hint(self, move: Move, scene: Scene) -> Line:
        lang = scene.state.setup.lang
        lead = self._say("say.lead.hint.dont-know" if move.cause is TurnKind.DONT_KNOW else "say.lead.hint", scene)
        question = scene.question(move)
        if question is None or move.key_point_id is None:
            return Line(lead.text, "", lead.label)
        point = question.point(move.key_point_id)
        if move.step <= len(point.hints):
            return Line(lead.text, point.hints[move.step - 1].get(lang), lead.label)
        if point.terms:
            said = self._say("say.hint.term", scene, term=_name_in(lang, point.terms[0]))
        else:
            heard = heard_points(scene.state.thread) if scene.state.thread else 0
            total = _counted(len(question.key_points), "个要点", "point", lang)
            said = self._say("say.hint.count", scene, total=total, heard=heard)
        return Line(lead.text, said.text, said.label)

    def _redirect(self, move: Move, scene: Scene) -> Line:
        reason = "clarify" if move.detail == "clarify-request" else move.detail
        said = self._say(f"say.redirect.{reason}", scene)
        if reason == "off-topic":
            back = self._say("say.redirect.question", scene, question=self._question_text(move, scene)).text
        elif reason in _BACK:
            back = self._say(_BACK[reason], scene).text
        else:  # the rules of the interview, said as they are
            return Line("", said.text, said.label)
        return Line(said.text, back, said.label)

    def _say(self, prompt_id: str, scene: Scene, **values: object) -> Rendered:
        """A variant that was not heard lately, in an order fixed by the interview's seed and the turn."""
        setup = scene.state.setup
        styled = f"{prompt_id}.{setup.persona}"
        prompt_id = styled if styled in self._prompts else prompt_id
        count = self._prompts.count(prompt_id, setup.lang)
        first = _pick(f"{setup.seed}/{scene.turn_number}/{prompt_id}", count)
        variants = [self._prompts.render(prompt_id, setup.lang, (first + i) % count, **values) for i in range(count)]
        return min(variants, key=lambda said: _last_heard(said.text, scene.recent))


def pieces(text: str) -> Iterator[str]:
    """Text in small pieces, so that authored lines stream like a model's: Chinese by character, other text by word."""
    word = ""
    for char in text:
        word += char
        if char.isspace() or ord(char) > 0x2E80:
            yield word
            word = ""
    if word:
        yield word


def _last_heard(text: str, recent: Sequence[str]) -> int:
    """Age of the newest utterance that holds this text: 0 for never, else larger the more recent it is."""
    return max((i + 1 for i, said in enumerate(recent) if text in said), default=0)


def _pick(key: str, count: int) -> int:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:4]) % count


def _inside_sentence(title: str) -> str:
    """A title without its capital, unless that belongs to an abbreviation."""
    return title[:1].lower() + title[1:] if title[1:2].islower() else title


def _counted(number: int, zh: str, en: str, lang: Lang) -> str:
    if lang == "zh":
        return f"{number} {zh}"
    return f"{number} {en}" if number == 1 else f"{number} {en}s"


def _name_in(lang: Lang, names: Sequence[str]) -> str:
    """A concept's name that fits the language; the first where none does."""
    return next((name for name in names if (CJK_RUN.search(name) is not None) == (lang == "zh")), names[0])


def _join(lead: str, body: str) -> str:
    if not lead or not body:
        return lead or body
    return f"{lead}{body}" if ord(lead[-1]) > 0x2E80 else f"{lead} {body}"
