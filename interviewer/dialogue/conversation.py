"""The conversation so far as messages for a model: what the interviewer said, what the candidate said, the questions' facts.

The same turns always give the same messages, and another turn only adds some: that is what lets an engine read each of them
once. What the candidate says is fenced in as material, and instructions in it are left out. Chooses nothing and cuts nothing.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from interviewer.dialogue.context import Told, shortened
from interviewer.dialogue.intent import INSTRUCTION
from interviewer.dialogue.policy import Move
from interviewer.dialogue.wording import Scene
from interviewer.domain.questions import Bank, Lang
from interviewer.domain.text import normalise
from interviewer.domain.transcript import Speaker, Turn, TurnKind
from interviewer.ports import Message
from interviewer.prompting import PromptBook

#: What the candidate says stands between these. The instructions in prompts/speak.system name them.
FENCE = "<<<\n", "\n>>>"
_MARKS = re.compile(r"<{2,}|>{2,}")
#: Questions that the note on what is left out names, and tokens of each.
_NAMED, _NAME_TOKENS = 5, 24


def told(scene: Scene, move: Move, prompts: PromptBook) -> list[Told]:
    """Every message in order. Each question's facts stand where it was asked, those of one about to be asked last."""
    lang = scene.state.setup.lang
    found: list[Told] = []
    asked = 0

    def add_facts(question_id: str | None) -> None:
        question = scene.bank.get(question_id or "")
        if question is not None:
            text = prompts.render("speak.question", lang, number=asked, question=question.text.get(lang)).text
            found.append(Told(Message("user", text), question.id))

    for turn in scene.turns:
        if turn.kind is TurnKind.ASK:
            asked += 1
            add_facts(turn.question_id)
        if turn.speaker is Speaker.CANDIDATE:
            found.append(heard(turn, lang, prompts))
        elif turn.text:
            found.append(Told(Message("assistant", turn.text)))
    if move.question_id and (move.kind is TurnKind.ASK or not asked):
        asked += 1
        add_facts(move.question_id)
    return found


def heard(turn: Turn, lang: Lang, prompts: PromptBook) -> Told:
    """What the candidate said, fenced in; where there are no words of theirs to show, what they did, in ours."""
    event = f"speak.heard.{turn.kind.value}"
    if event in prompts and (turn.kind is TurnKind.INSTRUCTION or not turn.text.strip()):
        return Told(Message("user", prompts.render(event, lang).text))
    return Told(Message("user", _harmless(turn.text).join(FENCE)), frame=FENCE)


def note_on(bank: Bank, lang: Lang, prompts: PromptBook, question_ids: Sequence[str]) -> Message:
    """One line on what is left out: the questions that were asked there, the newest few."""
    known = [question for question in map(bank.get, question_ids) if question is not None]
    names = [shortened(question.text.get(lang), _NAME_TOKENS) for question in known[-_NAMED:]]
    return Message("user", prompts.render("speak.earlier", lang, questions=" / ".join(names) or "-").text)


def _harmless(text: str) -> str:
    """The text without our fence in it, and with what reads like an instruction to the interviewer left out."""
    folded = normalise(text)
    if INSTRUCTION.search(folded):
        text = INSTRUCTION.sub("[…]", folded)
    return _MARKS.sub(lambda marks: "‹" if marks.group().startswith("<") else "›", text).strip()
