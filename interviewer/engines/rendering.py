"""Messages → the token ids a model expects, through its own chat template, or plainly when it has none.

Holds the text of messages to be text: control tokens written in it are broken up, so nobody's answer can end its own turn.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from interviewer.engines.thinking import MARKS, SWITCHES, without_thought
from interviewer.ports import Message

#: For a model without a chat template: what stands before each message, and where its reply would run into the next one.
_PLAIN_NAMES = {"system": "Instructions", "user": "User", "assistant": "Assistant"}
PLAIN_STOPS = ("\nUser:", "\nInstructions:")
#: Added tokens that are control marks though not flagged special, for example Qwen's <think> and <tool_call>.
_MARK = re.compile(r"[<\[].+[>\]]", re.DOTALL)


class Renderer:
    """Renders for one tokenizer. Thread-safe as long as the tokenizer is (fast tokenizers are, for encoding)."""

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.has_template = bool(tokenizer.chat_template)
        added = [(token.content, token.special) for token in tokenizer.added_tokens_decoder.values()]
        control = [text for text, special in added if len(text.strip()) > 1 and (special or _MARK.fullmatch(text))]
        longest_first = sorted({*control, *MARKS}, key=len, reverse=True)
        self._control = re.compile("|".join(map(re.escape, longest_first)))
        # The first call settles the tokenizer's truncation and padding; doing so beside another thread's call would fail.
        self.encode("")

    @property
    def stops(self) -> tuple[str, ...]:
        """Stop strings the rendering itself needs."""
        return () if self.has_template else PLAIN_STOPS

    def prompt(self, messages: Sequence[Message]) -> str:
        """The text up to where the model's reply begins, any thinking switched off."""
        safe = [{"role": message.role, "content": self.defuse(message.content)} for message in messages]
        if not self.has_template:
            return "".join(f"{_PLAIN_NAMES[m['role']]}: {m['content']}\n\n" for m in safe) + "Assistant:"
        return without_thought(self._templated(safe))

    def encode(self, text: str) -> list[int]:
        """Token ids of a rendered text. A template writes its own beginning-of-text token; without one the tokenizer does."""
        return list(self._tokenizer(text, add_special_tokens=not self.has_template, verbose=False)["input_ids"])

    def continuation(self, prompt: str, prompt_ids: list[int], text: str) -> list[int]:
        """Ids of `text` as it would follow the prompt, at least one."""
        joined = self.encode(prompt + text)
        if joined[: len(prompt_ids)] == prompt_ids and len(joined) > len(prompt_ids):
            return joined[len(prompt_ids) :]
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])  # the seam merged into another token

    def defuse(self, text: str) -> str:
        """The text with a space inside each control token written in it, so that it stays readable but is only text."""
        return self._control.sub(lambda match: f"{match.group()[0]} {match.group()[1:]}", text)

    def _templated(self, messages: list[dict[str, str]]) -> str:
        from jinja2 import TemplateError

        try:
            return self._apply(messages)
        except TemplateError:
            # Some templates refuse a system message, or two messages of one role in a row.
            return self._apply(_folded(messages))

    def _apply(self, messages: list[dict[str, str]]) -> str:
        return str(self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **SWITCHES))


def _folded(messages: list[dict[str, str]]) -> list[dict[str, str]]:
    """User and assistant in turn, beginning with the user; a system message becomes the head of the next user message."""
    folded: list[dict[str, str]] = []
    for message in messages:
        role = "assistant" if message["role"] == "assistant" else "user"
        if folded and folded[-1]["role"] == role:
            folded[-1] = {"role": role, "content": f"{folded[-1]['content']}\n\n{message['content']}"}
        else:
            if not folded and role == "assistant":
                folded.append({"role": "user", "content": "…"})
            folded.append({"role": role, "content": message["content"]})
    return folded
