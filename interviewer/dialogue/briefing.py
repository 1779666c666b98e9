"""What a model is told before it speaks: instructions, the conversation, and one task; and what its words must hold to.

Questions, follow-ups and clarifications are the model's to phrase. Of openings, hints, redirections and closings it phrases
only the lead, for what follows must be said as it is: facts, authored hints, the rules. No reference answer and no key point is
in any prompt, and of retrieved passages only sentences that tell nothing the candidate has not said. Calls no model.
"""

from __future__ import annotations

from dataclasses import dataclass

from interviewer.dialogue.checks import vocabulary_of
from interviewer.dialogue.context import Budget, fitted, shortened, token_estimate
from interviewer.dialogue.conversation import note_on, told
from interviewer.dialogue.guard import FOLLOW_UP_KEPT, QUESTION_KEPT, Guard, hidden_points
from interviewer.dialogue.policy import Move
from interviewer.dialogue.wording import Line, Scene, Wording
from interviewer.domain.assessment import Verdict
from interviewer.domain.questions import LANGS, Bank, Question
from interviewer.domain.text import sentences
from interviewer.domain.transcript import Setup, TurnKind
from interviewer.ports import Message
from interviewer.prompting import PromptBook, Rendered

#: Moves whose question the model phrases.
_ASKING = frozenset({TurnKind.ASK, TurnKind.FOLLOW_UP, TurnKind.CLARIFY})
#: Moves of which the model phrases the lead.
_LEADING = {TurnKind.OPEN: "speak.open", TurnKind.HINT: "speak.hint", TurnKind.CLOSE: "speak.close"}
#: Redirections of which it does, by reason. The others state rules, and after somebody tried to give instructions no model
#: speaks at all.
_LEADING_BACK = frozenset({"silence", "small-talk", "off-topic"})
#: Share of a prompt for passages, and tokens of one sentence at least: less says nothing.
_BACKGROUND, _LEAST_SENTENCE = 1 / 8, 6


@dataclass(frozen=True, slots=True)
class Task:
    """One thing to say. `asks` tells whether the model's words carry the question, or only lead in the authored body."""

    prompt: Rendered
    asks: bool
    guard: Guard


@dataclass(frozen=True, slots=True)
class Brief:
    """A finished prompt, and the ids of the passages that stand in it."""

    messages: tuple[Message, ...]
    passages: tuple[str, ...]


class Briefing:
    """Makes tasks and prompts. Keeps the vocabulary of the bank it saw last."""

    def __init__(self, prompts: PromptBook, wording: Wording) -> None:
        self._prompts = prompts
        self._wording = wording
        self._vocabulary: tuple[Bank, frozenset[str]] | None = None

    def task(self, move: Move, scene: Scene, line: Line) -> Task | None:
        """What the model has to say for a move; None for one that is said as authored."""
        rendered = self._rendered(move, scene, line)
        if rendered is None:
            return None
        asks = move.kind in _ASKING
        return Task(rendered, asks, self._guard(move, scene, line, asks))

    def system(self, setup: Setup) -> str:
        """The instructions: the same throughout an interview."""
        style = [self._prompts.render(f"speak.persona.{setup.persona}", setup.lang).text]
        if setup.company:
            style.append(self._prompts.render("speak.company", setup.lang, company=setup.company).text)
        return self._prompts.render("speak.system", setup.lang, style="\n".join(style)).text

    def labels(self, task: Task, setup: Setup) -> str:
        """The prompts behind a task's words with their versions, as turns record them."""
        fixed = ("speak.system", f"speak.persona.{setup.persona}")
        return "+".join((*(f"{name}@{self._prompts.get(name).version}" for name in fixed), task.prompt.label))

    def brief(self, task: Task, move: Move, scene: Scene, budget: Budget) -> Brief:
        """The prompt for a task within a budget. Up to its last message it only grows from one turn to the next, until the
        budget is used up and older turns go."""
        setup = scene.state.setup
        cited, background = self._background(task.guard, scene, int(budget.tokens * _BACKGROUND))
        text = f"{background}\n{task.prompt.text}" if background else task.prompt.text
        messages = fitted(
            Message("system", self.system(setup)),
            told(scene, move, self._prompts),
            Message("user", text),
            budget,
            lambda left_out: note_on(scene.bank, setup.lang, self._prompts, left_out),
        )
        return Brief(messages, cited)

    def _rendered(self, move: Move, scene: Scene, line: Line) -> Rendered | None:
        lang, question = scene.state.setup.lang, scene.question(move)
        if move.kind in _ASKING:
            return self._question(move, scene, line) if question is not None else None
        if move.kind is TurnKind.REDIRECT and move.detail in _LEADING_BACK:
            return self._prompts.render(f"speak.redirect.{move.detail}", lang, lead=line.lead)
        if move.kind not in _LEADING:
            return None
        values = {"hint": line.body} if move.kind is TurnKind.HINT else {}
        return self._prompts.render(_LEADING[move.kind], lang, lead=line.lead, **values)

    def _question(self, move: Move, scene: Scene, line: Line) -> Rendered:
        lang = scene.state.setup.lang
        if move.kind is TurnKind.ASK:
            return self._prompts.render("speak.ask", lang, lead=line.lead, question=line.body)
        if move.kind is TurnKind.CLARIFY:
            asked = self._wording.wordings(move, scene)[0]
            return self._prompts.render("speak.clarify", lang, question=asked, rephrasing=self._wording.rephrasing(move, scene))
        prompt = "speak.follow-up" if scene.follows_on(move) else "speak.follow-up.other"
        return self._prompts.render(prompt, lang, lead=line.lead, probe=line.body)

    def _guard(self, move: Move, scene: Scene, line: Line, asks: bool) -> Guard:
        setup, question = scene.state.setup, scene.question(move)
        wordings = self._wording.wordings(move, scene) if question else ()
        questions = {TurnKind.ASK: wordings, TurnKind.CLARIFY: wordings, TurnKind.FOLLOW_UP: (line.body,)}
        recent = scene.recent if move.kind is not TurnKind.CLARIFY else ()
        return Guard(
            setup.lang,
            hidden=hidden_points(question, _covered(scene, question)) if question else (),
            authored="\n".join((*(question.text.both() if question else ()), *wordings, line.text)),
            answer=scene.answer,
            recent=recent if asks else (*recent, line.body),
            asks=questions.get(move.kind, ()),
            kept=FOLLOW_UP_KEPT if move.kind is TurnKind.FOLLOW_UP else QUESTION_KEPT,
            silent=not asks,
            instructions=self.system(setup),
            vocabulary=self._words_of(scene.bank),
        )

    def _words_of(self, bank: Bank) -> frozenset[str]:
        """The vocabulary of the bank and of all prompts: reading them takes a moment, so it is done once."""
        if self._vocabulary is None or self._vocabulary[0] is not bank:
            book = self._prompts
            texts = [text for name in book.ids() for lang in LANGS for text in book.get(name).variants[lang]]
            self._vocabulary = (bank, vocabulary_of(bank, texts))
        return self._vocabulary[1]

    def _background(self, guard: Guard, scene: Scene, room: int) -> tuple[tuple[str, ...], str]:
        """Ids of the passages that something is taken of, and what may be shown of them in so many tokens, best first."""
        cited, lines = [], []
        for hit in scene.passages:
            text = hit.passage.text
            harmless = [text[a:b] for a, b in sentences(text) if guard.may_be_shown(text[a:b])]
            line = shortened(" ".join(harmless), room)
            if token_estimate(line) >= _LEAST_SENTENCE:
                room -= token_estimate(line)
                cited.append(hit.passage.id)
                lines.append(f"- {line}")
        if not lines:
            return (), ""
        lang = scene.state.setup.lang
        return tuple(cited), self._prompts.render("speak.background", lang, passages="\n".join(lines)).text


def _covered(scene: Scene, question: Question) -> list[str]:
    thread = scene.state.thread
    assessment = thread.assessment if thread and thread.question_id == question.id else None
    return [p.point_id for p in assessment.points if p.verdict is Verdict.COVERED] if assessment else []
