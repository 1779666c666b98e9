"""Models that think before they speak: switched off in the prompt, and never heard when they do it all the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from interviewer.engines import OpenAIEngine, TransformersEngine
from interviewer.engines.decoding import CausalDecoder
from interviewer.engines.rendering import Renderer
from interviewer.engines.thinking import MARKS, ThoughtFilter, after_thought
from interviewer.ports import ChatRequest, ChoiceRequest, Message
from tests.engines_server import fake_server
from tests.tiny_models import build_tiny_model, tiny_tokenizer

ASK = ChatRequest((Message("user", "什么是量化？"),), max_tokens=200)
HARMONY = ("<|channel|>", "<|message|>", "<|start|>", "<|end|>", "<|return|>")
SECRET = "the reference says temperature"

#: A reply in each family's way of thinking aloud, with "hi" as the only thing said.
THINKING_ALOUD = [
    f"<think>\n{SECRET}\n</think>\n\nhi",
    f"<seed:think>{SECRET}</seed:think>hi",
    f"[THINK]{SECRET}[/THINK]hi",
    f"<|START_THINKING|>{SECRET}<|END_THINKING|>hi",
    f"<|channel>thought\n{SECRET}<channel|>hi",
    f"<|channel|>analysis<|message|>{SECRET}<|end|><|start|>assistant<|channel|>final<|message|>hi",
    f"<|channel|>analysis<|message|>{SECRET}<|end|><|start|>assistant<|channel|>commentary to=f<|message|>{SECRET}"
    "<|end|><|start|>assistant<|channel|>final<|message|>hi<|return|>",
]


def heard(text: str, size: int) -> list[str]:
    thoughts = ThoughtFilter()
    pieces = [thoughts.feed(text[at : at + size]) for at in range(0, len(text), size)]
    return [piece for piece in [*pieces, thoughts.finish()] if piece]


@pytest.mark.parametrize("text", THINKING_ALOUD)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 1000])
def test_only_what_is_said_is_heard_whatever_the_pieces(text: str, size: int) -> None:
    assert "".join(heard(text, size)) == "hi"


@pytest.mark.parametrize("text", THINKING_ALOUD)
def test_a_thought_that_never_ends_is_never_heard(text: str) -> None:
    cut = text[: text.index(SECRET) + len(SECRET)]
    assert heard(cut, 3) == []


def test_speech_is_not_held_back_longer_than_a_mark_could_be() -> None:
    thoughts = ThoughtFilter()
    assert thoughts.feed("一 < 二") == "一 < 二"
    assert thoughts.feed("，<thi") == "，"
    assert thoughts.feed("s>") == "<this>"


def test_a_whole_reply_is_read_after_its_last_thought() -> None:
    assert after_thought('{"a": 0}</think>{"a": 1}') == '{"a": 1}'
    assert after_thought("plain") == "plain"


# ---------------------------------------------------------------- the prompt

_TURNS = "{%- for m in messages -%}{{ '<|im_start|>' + m.role + '\\n' + m.content + '<|im_end|>\\n' }}{%- endfor -%}"


@pytest.mark.parametrize(
    ("template", "ending"),
    [
        # Qwen3: an empty thought where thinking is off.
        (
            _TURNS
            + "<|im_start|>assistant\n{% if enable_thinking is defined and not enable_thinking %}<think>\n\n</think>\n\n{% endif %}",
            "<|im_start|>assistant\n<think>\n\n</think>\n\n",
        ),
        # Granite, DeepSeek: another name for the switch.
        (
            _TURNS + "{% if thinking is not defined or thinking %}Think first.{% endif %}<|im_start|>assistant",
            "<|im_end|>\n<|im_start|>assistant",
        ),
        # A model made to think: its template opens the thought and knows no switch.
        (_TURNS + "<|im_start|>assistant\n<think>\n", "<|im_start|>assistant\n<think>\n\n</think>\n\n"),
        # gpt-oss: the reply would begin with a channel of the model's choice.
        (_TURNS + "<|start|>assistant", "<|start|>assistant<|channel|>final<|message|>"),
    ],
)
def test_a_prompt_ends_where_speech_begins(template: str, ending: str) -> None:
    tokenizer = tiny_tokenizer()
    tokenizer.chat_template = template
    prompt = Renderer(tokenizer).prompt([Message("user", "什么是量化？")])
    assert prompt.endswith(ending)
    assert "Think first" not in prompt


def test_marks_written_by_a_candidate_are_only_text() -> None:
    renderer = Renderer(tiny_tokenizer())
    for mark in MARKS:
        assert mark not in renderer.defuse(f"我的回答{mark}final")


# ---------------------------------------------------------------- whole engines


@pytest.fixture(scope="module")
def thinker(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny model whose tokenizer holds the marks as special tokens, as gpt-oss's does, and opens channels itself."""
    folder = build_tiny_model(tmp_path_factory.mktemp("thinker"), vocab_size=800)
    tokenizer = tiny_tokenizer()
    tokenizer.add_special_tokens({"extra_special_tokens": list(HARMONY)})
    tokenizer.chat_template = (
        "{%- for m in messages -%}<|start|>{{ m.role }}<|message|>{{ m.content }}<|end|>{%- endfor -%}<|start|>assistant"
    )
    tokenizer.save_pretrained(folder)
    return folder


@pytest.mark.parametrize("text", THINKING_ALOUD)
def test_a_local_models_thoughts_are_not_heard(thinker: Path, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    engine = TransformersEngine(str(thinker))
    ids = engine._tokenizer(text, add_special_tokens=False)["input_ids"]
    if HARMONY[0] in text:
        assert set(engine._tokenizer.convert_tokens_to_ids(list(HARMONY[:2]))) <= set(ids)  # marks are single tokens
    monkeypatch.setattr(CausalDecoder, "generate", lambda *_args, **_named: iter(ids))
    assert "".join(engine.stream(ASK)) == "hi"
    engine.close()


def test_a_local_model_that_opens_channels_speaks_and_judges_at_once(thinker: Path) -> None:
    """In the prompt's last position stands the final channel, so that the first token already belongs to the reply."""
    engine = TransformersEngine(str(thinker))
    prompts: list[str] = []
    prompt = engine._renderer.prompt
    engine._renderer.prompt = lambda messages: prompts.append(prompt(messages)) or prompts[-1]  # type: ignore[method-assign, func-returns-value]
    assert "<|" not in "".join(engine.stream(ASK))
    shares = engine.score_choices(ChoiceRequest((), ("Covered?",), ("yes", "no")))
    assert shares is not None
    assert sum(shares[0]) == pytest.approx(1)
    assert all(text.endswith("<|channel|>final<|message|>") for text in prompts)
    assert len(prompts) == 2
    engine.close()


@pytest.mark.parametrize("text", THINKING_ALOUD)
def test_a_servers_thoughts_are_not_heard(text: str) -> None:
    with fake_server() as server:
        server.words = [text[at : at + 5] for at in range(0, len(text), 5)]
        engine = OpenAIEngine(server.url)
        pieces: list[str] = list(engine.stream(ASK))
        engine.close()
    assert "".join(pieces) == "hi"


def test_a_servers_json_is_taken_from_after_its_thoughts() -> None:
    schema: dict[str, Any] = {"type": "object", "properties": {"ok": {"type": "boolean"}}, "required": ["ok"]}
    with fake_server() as server:
        server.words = ['maybe {"ok": false}', "</think>", '{"ok": true}']
        engine = OpenAIEngine(server.url)
        value, _ = engine.complete_json(ASK, schema)
        engine.close()
    assert value == {"ok": True}
