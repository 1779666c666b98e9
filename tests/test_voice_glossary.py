"""Terms that recognisers mishear: repaired where that is sure, and nothing else touched. Run with -s to see the figures."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from interviewer.domain.questions import Bank
from interviewer.domain.text import sentences
from interviewer.voice.glossary import Glossary
from interviewer.voice.sounds import syllables

ROOT = Path(__file__).parents[1]
MISHEARD = ROOT / "tests" / "data" / "voice" / "misheard.yaml"
SPOKEN = ROOT / "evals" / "datasets" / "grading_v2.jsonl"


@pytest.fixture(scope="module")
def glossary(bank: Bank) -> Glossary:
    return Glossary(bank)


def clean_sentences() -> Iterator[str]:
    """What people said, written as they said it: answers that are neither misheard nor attacks."""
    for line in SPOKEN.read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        if row["kind"] not in ("asr", "injection"):
            yield from (row["answer"][start:end] for start, end in sentences(row["answer"]))


def test_misheard_terms_are_repaired_and_clean_sentences_left_alone(glossary: Glossary) -> None:
    pairs = yaml.safe_load(MISHEARD.read_text(encoding="utf-8"))
    right = sum(glossary.repaired(heard)[0] == meant for heard, meant in pairs)
    wrong = [heard for heard, meant in pairs if glossary.repaired(heard)[0] not in (heard, meant)]
    clean = list(clean_sentences())[::3]
    damaged = [text for text in clean if glossary.repaired(text)[1]]
    print(
        f"\nrepaired {right} of {len(pairs)}, {len(wrong)} of them wrongly; changed {len(damaged)} of {len(clean)} clean sentences"
    )
    assert right >= 0.8 * len(pairs)
    assert wrong == []
    assert len(damaged) <= 0.001 * len(clean)


def test_sentences_of_topics_it_has_not_seen_are_left_alone(bank: Bank) -> None:
    """The glossary trusts the bank's own wording; here it knows one half of the topics and is shown the other."""
    topics = sorted({question.topic for question in bank})
    known = Bank(tuple(question for question in bank if question.topic in topics[::2]), bank.topics)
    half = Glossary(known)
    texts = [text for question in bank if question.topic in topics[1::2] for text in question.reference.both()]
    clean = [text[start:end] for text in texts for start, end in sentences(text)]
    damaged = [text for text in clean if half.repaired(text)[1]]
    print(f"\nchanged {len(damaged)} of {len(clean)} clean sentences of unseen topics")
    assert len(damaged) <= 0.015 * len(clean)


@pytest.mark.parametrize(
    "text",
    [
        "I tied it with a rope and asked Laura for zero help.",
        "Adam and Bert went to see the alibi.",
        "we use zero-shot prompting",
        "max_lora_rank and llama.cpp stay as they are",
        "这里的参数连百分之一都不到，影响量化的尺度",
        "KV Cache and PagedAttention",
        "他姓罗，拉着我走",
        "",
        "…，。",
    ],
)
def test_ordinary_words_are_not_terms(glossary: Glossary, text: str) -> None:
    assert glossary.repaired(text) == (text, [])


def test_a_repair_says_where_it_is_and_what_was_heard(glossary: Glossary) -> None:
    heard = "先讲k v cash，再讲 laura 微调"
    text, repairs = glossary.repaired(heard)
    assert text == "先讲 KV cache，再讲 LoRA 微调"
    assert [(text[r.start : r.end], r.heard) for r in repairs] == [("KV cache", "k v cash"), ("LoRA", "laura")]
    for repair in repairs:
        assert heard[repair.was :].startswith(repair.heard)
        rest = heard[repair.was + len(repair.heard) :][:1]
        assert text[repair.was + len(repair.heard) + repair.shift :][:1] == rest  # what follows has moved by that much
    assert glossary.repaired(text) == (text, [])  # nothing is left to repair


def test_expected_terms_are_named_once_and_the_commonest_first(glossary: Glossary) -> None:
    assert len(glossary.expected) == len(set(glossary.expected))
    assert {"LoRA", "RoPE", "KV cache", "softmax", "Transformer", "ZeRO"} <= set(glossary.expected)
    assert {"LoRA", "RoPE", "KV cache"} <= set(glossary.expected[:10])


def test_sounds_are_folded_as_people_mix_them_up() -> None:
    assert syllables("蒸馏") == syllables("真流")
    assert syllables("树") != syllables("图")
