"""How the built-in interviewer says a move: the bank's own words, led in by varied phrases from `prompts/say.*`.

The same move, seed and recent turns always give the same words. Knows no model.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from interviewer.dialogue.policy import Move
from interviewer.dialogue.state import EndOfQuestion, State, heard_points
from interviewer.domain.questions import Bank, Hit, Question
from interviewer.domain.transcript import TurnKind
from interviewer.prompting import PromptBook, Rendered

BUILTIN = "built-in"

_LEADS = {
    EndOfQuestion.SKIPPED: "say.lead.skip",
    EndOfQuestion.DONT_KNOW: "say.lead.dont-know",
    EndOfQuestion.SILENCE: "say.lead.silence",
    EndOfQuestion.OFF_TRACK: "say.lead.off-track",
    EndOfQuestion.UNGRADED: "say.lead.ungraded",
}


@dataclass(frozen=True, slots=True)
class Scene:
    """What a speaker may look at: the state, the bank, the candidate's last words, and what was said lately.

    `recent` are the interviewer's last utterances, newest last. `turn_number` is the number the new turn will get.
    """

    state: State
    bank: Bank
    turn_number: int
    answer: str = ""
    recent: tuple[str, ...] = ()
    passages: tuple[Hit, ...] = ()

    def question(self, move: Move) -> Question | None:
        return self.bank.get(move.question_id) if move.question_id else None


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
            said = self._say("say.clarify", scene, question=self.rephrasing(move, scene))
            return Line("", said.text, said.label)
        if move.kind is TurnKind.REDIRECT:
            return self._redirect(move, scene)
        reason = (move.detail or "done").split("/")[0]
        said = self._say(f"say.close.{reason}", scene)
        return Line("", said.text, said.label)

    def rephrasing(self, move: Move, scene: Scene) -> str:
        """Another wording of the question, or of the probe if that is what was asked last; the original when there is none."""
        lang = scene.state.setup.lang
        question = scene.question(move)
        if question is None:
            return ""
        if move.key_point_id and scene.state.thread and move.key_point_id in scene.state.thread.probed:
            return question.point(move.key_point_id).probe.get(lang)
        wordings = [w.get(lang) for w in question.rephrasings if w] or [question.text.get(lang)]
        return wordings[(move.step - 1) % len(wordings)]

    def _opening(self, scene: Scene) -> Line:
        setup = scene.state.setup
        said = self._say(f"say.open.{setup.mode}", scene, topics=self._topics(scene), count=setup.questions)
        time = self._say("say.open.time", scene, minutes=setup.minutes).text if setup.minutes else ""
        return Line(said.text, time, said.label)

    def _topics(self, scene: Scene) -> str:
        """The topics as a phrase inside a sentence."""
        lang, topics = scene.state.setup.lang, scene.state.setup.topics
        if not topics or set(topics) >= set(scene.bank.topics):
            return self._prompts.render("say.topics.all", lang).text
        titles = [_inside_sentence(scene.bank.topic_title(topic, lang)) for topic in topics[:3]]
        more = "" if len(topics) <= 3 else "等" if lang == "zh" else " and more"
        return ("、" if lang == "zh" else ", ").join(titles) + more

    def _question_text(self, move: Move, scene: Scene) -> str:
        question = scene.question(move)
        return question.text.get(scene.state.setup.lang) if question else ""

    def _ask_lead(self, move: Move, scene: Scene) -> str:
        if scene.state.thread is None:
            return "say.lead.first"
        return _LEADS.get(EndOfQuestion(move.detail), "say.lead.next") if move.detail else "say.lead.next"

    def _follow_up(self, move: Move, scene: Scene) -> Line:
        lang = scene.state.setup.lang
        lead = self._say("say.lead.after-dont-know" if move.cause is TurnKind.DONT_KNOW else "say.lead.follow-up", scene)
        question = scene.question(move)
        if question is not None and move.key_point_id:
            return Line(lead.text, question.point(move.key_point_id).probe.get(lang), lead.label)
        generic = self._say("say.follow-up.generic", scene)
        return Line(lead.text, generic.text, generic.label)

    def _hint(self, move: Move, scene: Scene) -> Line:
        lang = scene.state.setup.lang
        lead = self._say("say.lead.hint.dont-know" if move.cause is TurnKind.DONT_KNOW else "say.lead.hint", scene)
        question = scene.question(move)
        if question is None or move.key_point_id is None:
            return Line(lead.text, "", lead.label)
        point = question.point(move.key_point_id)
        if move.step <= len(point.hints):
            return Line(lead.text, point.hints[move.step - 1].get(lang), lead.label)
        names = [name for group in point.terms for name in group]
        if names:
            said = self._say("say.hint.term", scene, term=names[0])
        else:
            heard = heard_points(scene.state.thread) if scene.state.thread else 0
            said = self._say("say.hint.count", scene, total=len(question.key_points), heard=heard)
        return Line(lead.text, said.text, said.label)

    def _redirect(self, move: Move, scene: Scene) -> Line:
        reason = {"clarify-request": "clarify", "dont-know": "hints-spent"}.get(move.detail or "", move.detail or "off-topic")
        if reason == "off-topic":
            said = self._say("say.redirect.off-topic", scene, question=self._question_text(move, scene))
        else:
            said = self._say(f"say.redirect.{reason}", scene)
        return Line("", said.text, said.label)

    def _say(self, prompt_id: str, scene: Scene, **values: object) -> Rendered:
        """A variant that was not heard lately, in an order fixed by the interview's seed and the turn."""
        lang = scene.state.setup.lang
        count = self._prompts.count(prompt_id, lang)
        first = _pick(f"{scene.state.setup.seed}/{scene.turn_number}/{prompt_id}", count)
        variants = [self._prompts.render(prompt_id, lang, (first + i) % count, **values) for i in range(count)]
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


def _join(lead: str, body: str) -> str:
    if not lead or not body:
        return lead or body
    return f"{lead}{body}" if ord(lead[-1]) > 0x2E80 else f"{lead} {body}"
