"""Delivery: what is measured is right, what can't be known is left open, and one thing is advised. Labelled sentences show how
well fillers are told from the words they look like (`pytest -s` prints the figures)."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from interviewer.domain.delivery import Advice, Delivery
from interviewer.domain.transcript import HeardWord, Speaker, Speech, Turn, TurnKind
from interviewer.voice.delivery import chinese_characters, english_words, measure, seconds_to_say
from interviewer.voice.fillers import BREAK, fillers
from interviewer.voice.structure import opens_with_the_point, signposts
from tests.spoken_interview import HEARD, speech, spoken_turn

DATA = Path(__file__).parent / "data" / "delivery"
AT = datetime(2026, 1, 2, tzinfo=UTC)


def typed(text: str, number: int = 1, question_id: str = "q1") -> Turn:
    return Turn(number, Speaker.CANDIDATE, TurnKind.ANSWER, text, AT, question_id)


def measured(*turns: Turn) -> Delivery:
    delivery = measure(turns, "q1")
    assert delivery is not None
    return delivery


# ---------------------------------------------------------------- fillers


def labelled(name: str) -> list[tuple[str, set[tuple[int, int]]]]:
    """Sentences with the spans in [brackets] that are fillers."""
    rows = []
    for line in (DATA / name).read_text(encoding="utf-8").splitlines():
        if not line or line.startswith("#"):
            continue
        text, spans = "", set()
        for part in re.split(r"(\[[^\]]*\])", line):
            bare = part.strip("[]")
            if part != bare:
                spans.add((len(text), len(text) + len(bare)))
            text += bare
        rows.append((text, spans))
    return rows


@pytest.mark.parametrize(
    ("name", "precision", "recall"),
    [
        ("fillers.txt", 0.98, 0.88),
        # written after the rules, all but one
        ("fillers_fresh.txt", 0.95, 0.80),
    ],
)
def test_fillers_are_told_from_the_words_they_look_like(name: str, precision: float, recall: float) -> None:
    found = right = wanted = 0
    for lang, english in (("zh", False), ("en", True)):
        rows = [(set(fillers(text)), spans) for text, spans in labelled(name) if text.isascii() is english]
        of_lang = [sum(len(got) for got, _ in rows), sum(len(got & spans) for got, spans in rows), sum(len(s) for _, s in rows)]
        print(f"\n{name} {lang}: {len(rows)} sentences, precision {of_lang[1]}/{of_lang[0]}, recall {of_lang[1]}/{of_lang[2]}")
        found, right, wanted = found + of_lang[0], right + of_lang[1], wanted + of_lang[2]
    assert right / found >= precision
    assert right / wanted >= recall


def test_a_pause_stands_for_a_comma() -> None:
    text = f"我们用{BREAK}那个{BREAK}低秩分解"
    assert [text[a:b] for a, b in fillers(text)] == ["那个"]
    assert fillers("我们用那个低秩分解") == []


@given(st.text(alphabet="嗯那个就是说然后like um,so you know，。 ABC\n" + BREAK, max_size=300))
def test_spans_are_in_order_and_never_overlap(text: str) -> None:
    spans = fillers(text)
    assert all(0 <= a < b <= len(text) for a, b in spans)
    assert all(b <= c for (_, b), (c, _) in pairwise(spans))


# ---------------------------------------------------------------- units and structure


@pytest.mark.parametrize(
    ("text", "characters"),
    [("注意力机制", 5), ("用 GPU 训练", 6), ("LoRA 微调", 4), ("7B 参数", 4), ("softmax 之后", 4), ("WWW", 9), ("", 0)],
)
def test_a_latin_word_in_chinese_counts_the_syllables_it_is_said_with(text: str, characters: float) -> None:
    assert chinese_characters(text) == characters


def test_chinese_in_english_counts_as_words() -> None:
    assert english_words("we call it 微调模型型 here") == pytest.approx(4 + 5 / 1.5)


@pytest.mark.parametrize(("text", "seconds"), [("注" * 240, 60), ("word " * 140, 60), ("", 0)])
def test_a_text_takes_as_long_as_people_usually_do(text: str, seconds: float) -> None:
    assert seconds_to_say(text) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "announced"),
    [
        ("首先冻结主干，其次训练新头，最后放开。", 3),
        ("有两点。第一，显存；第二，速度。", 2),
        ("第一个原因是显存，第二个原因是速度", 2),
        ("第一层学边缘，第二层学形状，最后一层分类。", 0),
        ("第一个 token 最慢", 0),
        ("一方面省显存，另一方面更快", 2),
        ("First, freeze it. Second, train a head. Finally, unfreeze.", 3),
        ("The first reason is memory, and the second one is speed.", 2),
        ("First-order methods ignore the second derivative of the first layer.", 0),
        ("It was the first model that we tried second.", 0),
    ],
)
def test_points_that_are_announced_are_counted(text: str, announced: int) -> None:
    assert signposts(text) == announced


@pytest.mark.parametrize(
    ("text", "straight"),
    [
        ("注意力就是按相似度加权求和。", True),
        ("嗯，核心是低秩分解。", True),
        ("先说结论，显存主要花在优化器状态上。", True),
        ("这个问题比较复杂，我先从背景说起。", False),
        ("我们公司之前做过一个推荐系统，当时数据很少。", False),
        ("Um, so the key idea is a low-rank update.", True),
        ("That's a great question. Let me think.", False),
        ("In my previous job we had a team of ten.", False),
        ("哈哈哈哈", None),
    ],
)
def test_an_opening_is_a_point_a_preamble_or_left_open(text: str, straight: bool | None) -> None:
    assert opens_with_the_point(text) is straight


# ---------------------------------------------------------------- the whole


def test_a_spoken_answer_is_measured_by_its_recording() -> None:
    delivery = measured(spoken_turn(1, HEARD["zh"]))
    heard = speech(HEARD["zh"])
    seconds = heard.words[-1].end - heard.words[0].start
    assert (delivery.answers, delivery.spoken, delivery.estimated) == (1, 1, False)
    assert delivery.seconds.value == pytest.approx(seconds)
    assert delivery.pauses == pytest.approx((2.6, 3.1))
    said = chinese_characters("".join(word.text for word in heard.words))
    assert delivery.pace is not None
    assert delivery.pace.value == pytest.approx(said / seconds * 60)
    assert delivery.filler_counts() == {"嗯": 2, "那个": 1, "就是说": 1, "呃": 1}
    assert delivery.fillers is not None
    assert delivery.fillers.value == pytest.approx(5 / said * 100)
    assert delivery.point_first is False
    assert delivery.advice is Advice.FILLERS
    marked = [(p.text, round(p.seconds, 1)) for p in delivery.transcript if p.mark == "pause"]
    assert marked == [("", 2.6), ("", 3.1)]
    assert BREAK not in "".join(p.text for p in delivery.transcript)


def test_what_was_heard_counts_not_what_the_candidate_made_of_it() -> None:
    turn = spoken_turn(1, HEARD["en"])
    mended = replace(turn, text="I froze the backbone and trained a head.")
    assert measured(mended) == measured(turn)
    assert measured(turn).filler_counts() == {"um": 1, "you know": 1, "like": 1, "uh": 1}


def test_of_a_typed_answer_only_length_and_structure_are_known() -> None:
    delivery = measured(typed("首先，LoRA 就是低秩分解。" * 10))
    assert delivery.estimated
    assert (delivery.spoken, delivery.pace, delivery.fillers, delivery.pauses) == (0, None, None, None)
    assert delivery.transcript == ()
    assert delivery.signposts == 1
    assert delivery.point_first is True


def test_a_recording_without_word_times_tells_no_pauses() -> None:
    delivery = measured(replace(typed("嗯，注意力就是加权求和，嗯，按照相似度来，然后再输出。"), speech=Speech(20.0)))
    assert delivery.pauses is None
    assert delivery.seconds.value == 20.0
    assert delivery.filler_counts() == {"嗯": 2}


def test_length_is_of_the_first_reply_and_pace_of_all_that_were_spoken() -> None:
    first, second = typed("注意力就是加权求和。"), spoken_turn(2, HEARD["zh"])
    both = measured(first, second, typed("不算", 3, "another"))
    assert (both.answers, both.spoken) == (2, 1)
    assert both.estimated
    assert both.seconds.value == pytest.approx(seconds_to_say(first.text))
    assert both.pace == measured(second).pace


def test_no_answer_has_no_delivery() -> None:
    skipped = Turn(1, Speaker.CANDIDATE, TurnKind.SKIP, "", AT, "q1")
    assert measure((skipped, typed("  ", 2)), "q1") is None


@pytest.mark.parametrize(
    ("text", "rate", "advice"),
    [
        ("残差连接是把输入加到输出上。" * 60, 4.0, Advice.SHORTER),
        ("残差连接是把输入加到输出上。", 3.0, Advice.LONGER),
        ("残差连接是把输入加到输出上，" * 30, 6.5, Advice.SLOWER),
        ("残差连接是把输入加到输出上，" * 9, 1.7, Advice.FASTER),
        ("残差连接是把输入加到输出上，呃，" * 24, 4.0, Advice.FILLERS),
        ("残差连接是把输入加到输出上， {4.0} " * 12, 4.0, Advice.PAUSES),
        ("这个问题比较难。" + "残差连接是把输入加到输出上，" * 20, 4.0, Advice.POINT_FIRST),
        ("残差连接是把输入加到输出上，" * 30, 4.0, Advice.SIGNPOSTS),
        ("残差连接是把输入加到输出上，" * 20, 4.0, Advice.KEEP),
    ],
)
def test_the_advice_is_what_is_furthest_off(text: str, rate: float, advice: Advice) -> None:
    """`rate` is characters a second: every character is a word of its own."""
    spaced = re.sub(r"(?<=[\u4e00-\u9fff，。])(?=[\u4e00-\u9fff])", " ", text).replace(" ，", "，")
    assert measured(replace(typed(text), speech=speech(spaced, rate))).advice is advice


@given(st.lists(st.tuples(st.text(max_size=8), st.floats(0, 60), st.floats(0, 60)), max_size=12), st.text(max_size=60))
def test_odd_recordings_break_nothing(words: list[tuple[str, float, float]], text: str) -> None:
    heard = tuple(HeardWord(word, start, end) for word, start, end in words)
    delivery = measure((replace(typed(text), speech=Speech(5.0, heard)),), "q1")
    assert (delivery is None) is not bool(text.strip())
    if delivery is not None and any(word.text.strip() for word in heard):
        bare = "".join("".join(p.text for p in delivery.transcript).split())
        assert bare == "".join("".join(word.text for word in heard).replace(BREAK, "").split())
