"""What `evals.speed` runs: models of real shapes with random weights, and the program's own prompts as token ids.

Questions, answers and wording come from the shipped bank and prompts; the tokenizer is a stand-in. Measures nothing.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from transformers import Qwen3Config

    from interviewer.domain.questions import Bank, Question
    from interviewer.engines.quantise import Int8Weights
    from interviewer.prompting import PromptBook

#: Key points of the answer that is judged.
POINTS = 6
#: What a chat template writes around a message, and behind the last one for the reply to follow (with thinking switched off).
_OPEN, _CLOSE, REPLY = "<|im_start|>", "<|im_end|>\n", "<|im_start|>assistant\n<think>\n\n</think>\n\n"
_PIECE = re.compile(r"<\|\w+\|>|</?think>|\n+|[⺀-\U0003ffff]|[^\W\d_⺀-\U0003ffff]+|[^\w\s⺀-\U0003ffff]+|.", re.DOTALL)
_ENTRY = '{"number": 1, "any": true, "all": false, "contradicts": false}'

#: Tokens that a model takes, as published.
WINDOW = 40_960


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a Qwen3 model: the small ones in use are much alike. Heads have 128 dimensions."""

    hidden: int
    inner: int
    layers: int
    heads: int
    kv_heads: int
    vocabulary: int = 151_936

    def config(self, vocabulary: int, **named: Any) -> Qwen3Config:
        """The configuration of a model with so many tokens; it never stops by itself unless `named` says by which token."""
        from transformers import Qwen3Config

        return Qwen3Config(
            vocab_size=vocabulary,
            hidden_size=self.hidden,
            intermediate_size=self.inner,
            num_hidden_layers=self.layers,
            num_attention_heads=self.heads,
            num_key_value_heads=self.kv_heads,
            head_dim=128,
            tie_word_embeddings=True,
            max_position_embeddings=WINDOW,
            **{"eos_token_id": None, "bos_token_id": None, **named},
        )


#: The last two as published with the models; the first ends soon on two cores, and the last of all is for tests.
SHAPES = {
    "tiny": Shape(64, 128, 2, 1, 1, 997),
    "0.1B": Shape(1024, 3072, 5, 16, 8, 32_000),
    "0.6B": Shape(1024, 3072, 28, 16, 8),
    "1.7B": Shape(2048, 6144, 28, 16, 8),
}


@dataclass(frozen=True, slots=True)
class Built:
    """A model with random weights, the eight-bit copies of them if it is to write by those, and why it is built so."""

    model: Any
    int8: Int8Weights | None
    why: str


def build(shape: Shape, weights: str | None) -> Built:
    """As the engine would load it, or in the format told. Raises EngineUnavailable when it does not fit."""
    import torch
    from transformers import Qwen3ForCausalLM

    from interviewer.engines import hardware, processor
    from interviewer.engines.quantise import Int8Weights

    config = shape.config(shape.vocabulary)
    with torch.device("meta"):
        parameters = Qwen3ForCausalLM(config).num_parameters()
    plan = hardware.plan(parameters, hardware.detect(), processor.measure)
    told = (weights or "").partition("+")
    kind: torch.dtype = getattr(torch, told[0] or plan.dtype)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        model = Qwen3ForCausalLM._from_config(config, dtype=kind).eval().to(hardware.detect().device)
    int8 = bool(told[2]) if weights else plan.int8
    return Built(model, Int8Weights(model) if int8 else None, "as told" if weights else plan.why)


# ---------------------------------------------------------------- what is read


def tokens_of(text: str) -> list[str]:
    """The text in pieces about as long as the tokens of current models: a Chinese character, a word, marks in a row, line
    ends in a row, and each of the marks that a chat template writes.

    A blank belongs to the word behind it. Texts that begin alike have the same first tokens, as with a real tokenizer.
    """
    return [piece for piece in _PIECE.findall(text) if piece != " "]


def ids_of(text: str, shape: Shape) -> list[int]:
    """Token ids: the same for the same token, otherwise arbitrary."""
    return [zlib.crc32(piece.encode()) % shape.vocabulary for piece in tokens_of(text)]


def conversation(bank: Bank, prompts: PromptBook, turns: int) -> list[str]:
    """The rendered prompt of every turn: instructions, then questions of the bank with the beginning of their references as
    answers. As with real templates, the mark that switches thinking off stands only before the reply to come."""
    from interviewer.dialogue.briefing import Briefing
    from interviewer.dialogue.wording import Wording
    from interviewer.domain.transcript import Setup

    questions = list(bank)
    history = _message("system", Briefing(prompts, Wording(prompts)).system(Setup("en")))
    out = []
    for number in range(turns):
        question = questions[number % len(questions)]
        answer = " ".join(question.reference.get("en").split()[:90])
        history += _message("assistant", question.text.get("en")) + _message("user", answer)
        out.append(history + REPLY)
    return out


def judging_prompts(bank: Bank, prompts: PromptBook) -> tuple[list[str], list[str], str, str]:
    """For one question of six points: the prompts that ask for a choice, all of them and only the yes-or-no ones that JSON
    asks for too; the prompt that asks for JSON; and a reply to it."""
    from interviewer.grading.model_prompts import PER_POINT, QUESTIONS, GradingPrompts
    from interviewer.ports import GradingItem

    question = _six_points(bank)
    grading = GradingPrompts(prompts, None, 0)
    answer = " ".join(question.reference.get("en").split()[:120])
    sheet = grading.sheet(GradingItem(question, answer), answer, "en", 32_000)
    shared = "".join(_message(message.role, message.content) for message in sheet.prefix)
    endings = [shared + _message("user", ending) + REPLY for ending in grading.endings(sheet)]
    same = [ending for number, ending in enumerate(endings) if number % PER_POINT < len(QUESTIONS)]
    reply = '{"points": [' + ", ".join([_ENTRY] * len(sheet.statements)) + "]}"
    return endings, same, shared + _message("user", grading.ask_json(sheet)) + REPLY, reply


def _six_points(bank: Bank) -> Question:
    return min(bank, key=lambda question: (abs(len(question.key_points) - POINTS), question.id))


def _message(role: str, content: str) -> str:
    return f"{_OPEN}{role}\n{content}{_CLOSE}"
