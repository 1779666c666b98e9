"""A model that could do nothing here is told from its config.json, before anything of it is fetched."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from interviewer.domain.errors import EngineUnavailable
from interviewer.engines.download import download_model
from interviewer.engines.kinds import Kind, check_kind
from interviewer.fetching import Fetching
from interviewer.ui.words import words_for
from tests.hub_server import FakeHub, fake_hub

NAME = "test/some"
EN, ZH = words_for("en"), words_for("zh")
Serve = Callable[[Any], FakeHub]


@pytest.fixture
def serve(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Serve]:
    """A hub with one model whose config.json is what the test says; None for no such file."""
    with fake_hub(NAME, {"model.safetensors": b"0" * 50_000, "tokenizer.json": b"{}"}, tmp_path / "cache", monkeypatch) as hub:

        def serving(config: Any) -> FakeHub:
            if config is not None:
                hub.files["config.json"] = config if isinstance(config, bytes) else json.dumps(config).encode()
            return hub

        yield serving


def config(model_type: Any, *heads: str) -> dict[str, Any]:
    return {"model_type": model_type, "architectures": list(heads)}


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("text", config("qwen3", "Qwen3ForCausalLM")),
        ("text", config("gpt2", "GPT2LMHeadModel")),
        ("text", config("gemma3", "Gemma3ForConditionalGeneration")),
        ("text", {"model_type": "llama"}),
        ("speech", config("whisper", "WhisperForConditionalGeneration")),
        ("speech", config("wav2vec2", "Wav2Vec2ForCTC")),
        ("speech", config("moonshine", "MoonshineForConditionalGeneration")),
        ("speech", {"model_type": "whisper", "architectures": None}),
    ],
)
def test_what_transformers_loads_is_taken(kind: Kind, said: dict[str, Any]) -> None:
    check_kind("a/b", said, kind)
    with pytest.raises(EngineUnavailable):
        check_kind("a/b", said, "speech" if kind == "text" else "text")


@pytest.mark.parametrize(
    ("kind", "said", "why"),
    [
        ("speech", config("bert", "BertForMaskedLM"), "not a speech recognition model.*bert, BertForMaskedLM"),
        ("speech", config("wav2vec2", "Wav2Vec2ForPreTraining"), "not a speech"),
        ("speech", config("speecht5", "SpeechT5ForTextToSpeech"), "not a speech"),
        ("text", config("bert", "BertForMaskedLM"), "not a text-generating model"),
        ("text", config("qwen3", "Qwen3ForSequenceClassification"), "not a text-generating"),
        ("text", config("t5", "T5ForConditionalGeneration"), "not a text-generating"),
        ("text", config("from-the-future", "FutureForCausalLM"), r"of a type \(from-the-future\) that transformers"),
        ("text", {"architectures": ["x"]}, r"of a type \(none\)"),
        ("text", config(["x"]), r"of a type \(none\)"),
    ],
)
def test_the_rest_is_refused_by_name(kind: Kind, said: dict[str, Any], why: str) -> None:
    with pytest.raises(EngineUnavailable, match=f"^a/b is .*{why}") as refused:
        check_kind("a/b", said, kind)
    assert "a/b" in ZH.problem(str(refused.value))
    assert ZH.problem(str(refused.value)) != str(refused.value)


@pytest.mark.parametrize("kind", ["text", "speech"])
def test_of_a_model_of_another_kind_nothing_is_offered_or_fetched(serve: Serve, kind: Kind) -> None:
    hub = serve(config("bert", "BertForMaskedLM"))
    fetching = Fetching(lambda _: None, kind=kind)
    with pytest.raises(EngineUnavailable, match="is not a"):
        fetching.ask(NAME)
    assert fetching.now.state == "none"
    with pytest.raises(EngineUnavailable, match="is not a"):
        download_model(NAME, kind=kind)
    assert hub.fetched("model.safetensors") == []
    assert hub.fetched("config.json") == ["", ""]
    assert not hub.cache.exists()  # and it stands in no list of models that are half here


@pytest.mark.parametrize("said", [None, b"not json", b"[]"])
def test_a_model_that_does_not_say_what_it_is_is_refused(serve: Serve, said: bytes | None) -> None:
    serve(said)
    with pytest.raises(EngineUnavailable, match=r"no config\.json that says what it is") as refused:
        Fetching(lambda _: None).ask(NAME)
    assert "config.json" in ZH.problem(str(refused.value)) != EN.problem(str(refused.value))


def test_a_model_of_the_right_kind_is_offered_with_its_size(serve: Serve) -> None:
    hub = serve(config("whisper", "WhisperForConditionalGeneration"))
    assert Fetching(lambda _: None, kind="speech").ask(NAME).total > 50_000
    assert hub.fetched("model.safetensors") == []
    assert not hub.cache.exists()
