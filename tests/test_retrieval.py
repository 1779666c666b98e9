"""Passages with exact spans, and an index that finds them, updates by what changed and is never half there."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from interviewer.domain.errors import RetrievalIndexError
from interviewer.domain.questions import Bank, KeyPoint, LocalText, Passage, Question
from interviewer.encoders import Encoders
from interviewer.ports import Encoder, Retriever
from interviewer.retrieval import bank_passages, build_or_update, document_passages, open_index, snapshots
from interviewer.retrieval.passages import LIMIT, SCRAP, SOLID_LIMIT, fitting_texts, size

ENCODERS = Encoders()


def question(slug: str, zh: str, en: str, *points: tuple[str, str]) -> Question:
    key_points = tuple(KeyPoint(f"p{i}", LocalText(*point)) for i, point in enumerate(points))
    reference = LocalText("".join(point[0] for point in points), " ".join(point[1] for point in points))
    return Question(slug, "training", 1, LocalText(zh, en), reference, key_points)


BANK = Bank(
    (
        question(
            "distillation",
            "知识蒸馏是怎么做的？",
            "How does knowledge distillation work?",
            ("学生模型拟合老师的输出分布。", "The student fits the teacher's output distribution."),
            ("温度让分布更平滑，露出类别之间的关系。", "A temperature smooths the distribution and shows how classes relate."),
        ),
        question(
            "accumulation",
            "梯度累积是怎么做的？",
            "How does gradient accumulation work?",
            ("大批次拆成小批次，梯度相加后才更新。", "A large batch is split and the gradients are summed before one update."),
            ("显存只取决于小批次的激活。", "Memory follows the activations of one small batch."),
        ),
        question(
            "quantisation",
            "权重量化为什么省显存？",
            "Why does weight quantisation save memory?",
            ("权重用低位宽整数存放，加一个缩放系数。", "Weights are stored as low-bit integers with a scale."),
            ("离群值会毁掉整组的精度。", "Outliers ruin the precision of their whole group."),
        ),
    )
)

DOCUMENT = """# 训练笔记

## 1. 什么是学习率预热？

**答案：** 训练刚开始时梯度的方差很大，先用小学习率，再逐步升到目标值。

```python
# 这一行不是标题
rate = base * min(1, step / warmup)
```

## 2. What is weight decay?

It shrinks the weights a little at every step. AdamW applies it apart from the gradient.

| method | decay |
|---|---|
| Adam | in the gradient |
| AdamW | apart |
"""


# ---------------------------------------------------------------- passages


def test_document_passages_follow_headings_and_keep_code_and_tables_whole() -> None:
    first, second = document_passages("notes", DOCUMENT)
    assert first.heading == ("训练笔记", "1. 什么是学习率预热？")
    assert first.text.startswith("# 训练笔记")
    assert "# 这一行不是标题\nrate" in first.text
    assert second.heading == ("训练笔记", "2. What is weight decay?")
    assert second.text.endswith("| AdamW | apart |")
    assert (first.lang, second.lang) == ("zh", "en")
    assert {first.source, second.source} == {"notes"}


def assert_spans_hold(text: str, passages: Sequence[Passage]) -> None:
    end = 0
    for passage in passages:
        assert text[passage.start : passage.end] == passage.text == passage.text.strip() != ""
        assert passage.start >= end, "passages overlap"
        end = passage.end
    assert len({p.id for p in passages}) == len(passages)


_BLOCKS = st.sampled_from(
    [
        "# 标题",
        "## 2. Title",
        "正文一句话。另一句话！",
        "word " * 90,
        "很长" * 400,
        "- 一\n- two\n  - 三",
        "```\n# code\n\nx = 1\n```",
        "---",
        "| a | b |\n|---|---|\n| 1 | 2 |",
        "> quote",
        "<div>x</div>",
        "    indented",
        "\t",
        "a\r\nb\r\n",
        "Setext\n===",
        "\u2028",
        "1. x\n2. y",
    ]
)


@given(st.lists(_BLOCKS | st.text(max_size=40), max_size=12).map("\n\n".join))
@settings(max_examples=150, deadline=None)
def test_spans_of_any_document_are_exact_ordered_and_bounded(text: str) -> None:
    passages = document_passages("d", text)
    assert_spans_hold(text, passages)
    assert all(size(p.text) <= SOLID_LIMIT + LIMIT for p in passages)


@given(
    st.lists(
        st.sampled_from(["一句话说一件事。", "One sentence says one thing. ", "混合 two 种语言的句子，", "\n\n"]), max_size=150
    )
)
@settings(max_examples=50, deadline=None)
def test_no_word_of_prose_is_lost_and_no_scrap_is_left(parts: list[str]) -> None:
    text = "".join(parts)
    passages = document_passages("d", text)
    assert "".join("".join(p.text.split()) for p in passages) == "".join(text.split())
    if len(passages) > 1:
        assert min(size(p.text) for p in passages) >= SCRAP


def test_long_prose_is_cut_at_sentences_near_the_target() -> None:
    text = "梯度累积把一个大的批次拆成许多小的批次来计算。" * 60
    passages = document_passages("d", text)
    assert all(p.text.endswith("。") for p in passages)
    assert all(SCRAP <= size(p.text) <= LIMIT for p in passages)


def test_headings_with_nothing_below_are_not_lost() -> None:
    passages = document_passages("d", "# 一份文档\n\n## 第一问\n\n## 第二问\n\n有答案。\n")
    assert [p.text for p in passages] == ["# 一份文档\n\n## 第一问", "## 第二问\n\n有答案。"]


def test_bank_passages_name_their_field_and_hold_no_more_than_it() -> None:
    passages = bank_passages(BANK)
    fields = {q.id: q for q in BANK}
    for passage in passages:
        assert passage.question_id is not None
        asked = fields[passage.question_id]
        name, _, lang = passage.source.partition("#")[2].rpartition(".")
        field = {"question": asked.text, "reference": asked.reference} | {
            f"point.{p.id}": p.statement for p in asked.key_points
        }
        source_text = field[name].zh if lang == "zh" else field[name].en
        assert source_text[passage.start : passage.end] == passage.text
        assert passage.lang == lang
    assert len(passages) == len(BANK) * 2 * (2 + 2)


def test_a_translation_is_fitted_with_its_original() -> None:
    texts = fitting_texts(bank_passages(BANK))
    assert any("拟合老师" in text and "fits the teacher" in text for text in texts)
    assert len(texts) == len(BANK) * (2 + 2)


# ---------------------------------------------------------------- search


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Any:
    passages = [*bank_passages(BANK), *document_passages("notes", DOCUMENT)]
    return build_or_update(tmp_path_factory.mktemp("index"), passages, "builtin", ENCODERS)


def test_the_index_is_a_retriever(index: Any) -> None:
    assert isinstance(index, Retriever)


@pytest.mark.parametrize(
    ("query", "question_id"),
    [
        ("知识蒸馏", "distillation"),
        ("knowledge distillation", "distillation"),
        ("student fits teacher", "distillation"),
        ("梯度 accumulation 怎么更新", "accumulation"),
        ("low-bit integers", "quantisation"),
        ("离群值", "quantisation"),
    ],
)
def test_search_puts_the_right_question_first(index: Any, query: str, question_id: str) -> None:
    assert index.search(query, 3)[0].passage.question_id == question_id


@pytest.mark.parametrize(("query", "lang"), [("knowledge distillation temperature", "zh"), ("量化的离群值", "en")])
def test_a_query_ranks_the_right_passages_of_the_other_language_first(index: Any, query: str, lang: str) -> None:
    rows = [row for row, p in enumerate(index.passages) if p.lang == lang and p.question_id]
    best = index.passages[index.ranking(query, rows)[0][0]]
    assert best.question_id == ("distillation" if lang == "zh" else "quantisation")


def test_documents_are_found_too(index: Any) -> None:
    hit = index.search("AdamW weight decay")[0]
    assert (hit.passage.source, hit.passage.question_id) == ("notes", None)
    assert DOCUMENT[hit.passage.start : hit.passage.end] == hit.passage.text


def test_scores_fall_and_k_is_kept(index: Any) -> None:
    hits = index.search("梯度", 4)
    assert 1 <= len(hits) <= 4
    assert hits == index.search("梯度", 4)
    scores = [hit.score for hit in hits]
    assert scores == sorted(scores, reverse=True)
    assert all(0 < score <= 1 + 1e-6 for score in scores)
    assert index.search("梯度", 0) == index.search("梯度", -3) == []
    assert len({hit.passage.id for hit in index.search("梯度", 1000)}) == len(index.search("梯度", 1000))


def test_only_passages_of_the_question_asked_for(index: Any) -> None:
    hits = index.search("知识蒸馏 distillation 显存", 50, question_id="accumulation")
    assert hits
    assert {hit.passage.question_id for hit in hits} == {"accumulation"}
    assert index.search("知识蒸馏", question_id="no such question") == []


@pytest.mark.parametrize("query", ["", "   \n\t", "\x00\x01\x02", "😀🎉", "\u200b\u200e", "zzzzqqqq xyzzy", "\ud800"])
def test_a_query_with_nothing_to_look_for_finds_nothing(index: Any, query: str) -> None:
    assert index.search(query) == []


@pytest.mark.parametrize(
    "query", ["知" * 100_000, "梯度\x00累积", "gradient 😀 accumulation", "\ud800 梯度累积", "' OR 1=1; --"]
)
def test_odd_queries_never_raise(index: Any, query: str) -> None:
    assert isinstance(index.search(query), list)
    assert isinstance(index.search(query, question_id="distillation"), list)


def test_a_huge_query_is_answered_by_its_beginning(index: Any) -> None:
    assert index.search("知识蒸馏 " + "x" * 100_000)[0].passage.question_id == "distillation"


@pytest.mark.parametrize("passages", [[], [Passage("e", "😀", "emoji", 0, 1)]])
def test_an_index_with_nothing_to_find(tmp_path: Path, passages: list[Passage]) -> None:
    build_or_update(tmp_path, passages, "builtin", ENCODERS)
    again = open_index(tmp_path, ENCODERS)
    assert len(again) == len(passages)
    assert again.search("知识蒸馏") == []


# ---------------------------------------------------------------- building, updating, opening


class Counting:
    """The real encoders, counting the texts that are embedded."""

    def __init__(self) -> None:
        self.embedded: list[str] = []

    def create(self, name: str, corpus: Sequence[str]) -> Encoder:
        return self._counted(ENCODERS.create(name, corpus))

    def restore(self, name: str, folder: Path, corpus: Sequence[str] | None = None) -> Encoder:
        return self._counted(ENCODERS.restore(name, folder, corpus))

    def save(self, encoder: Encoder, folder: Path) -> None:
        ENCODERS.save(encoder, folder)

    def _counted(self, encoder: Encoder) -> Encoder:
        encode = encoder.encode_documents

        def counting(texts: Sequence[str]) -> Any:
            self.embedded.extend(texts)
            return encode(texts)

        encoder.encode_documents = counting  # type: ignore[method-assign]
        return encoder


def large_bank(n: int = 12) -> list[Passage]:
    questions = [
        replace(q, id=f"{q.id}-{i}", text=LocalText(f"{q.text.zh}{i}", f"{q.text.en} {i}")) for i in range(n) for q in BANK
    ]
    return bank_passages(Bank(tuple(questions)))


def test_an_unchanged_bank_embeds_and_writes_nothing(tmp_path: Path) -> None:
    passages = large_bank()
    build_or_update(tmp_path, passages, "builtin", ENCODERS)
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.name != ".lock"}
    counting = Counting()
    again = build_or_update(tmp_path, passages, "builtin", counting)
    assert counting.embedded == []
    assert (again.stats.embedded, again.stats.rebuilt_because) == (0, None)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*") if path.name != ".lock"} == before


def test_a_changed_passage_embeds_only_itself_and_a_removed_one_is_gone(tmp_path: Path) -> None:
    passages = large_bank()
    build_or_update(tmp_path, passages, "builtin", ENCODERS)
    changed = [replace(passages[5], text="梯度检查点用重算换显存"), *passages[6:]]
    counting = Counting()
    updated = build_or_update(tmp_path, changed, "builtin", counting)
    assert [text.splitlines()[-1] for text in counting.embedded] == ["梯度检查点用重算换显存"]
    assert updated.stats.embedded == 1
    assert updated.stats.changed == (passages[5].source,)
    assert set(updated.stats.removed) == {p.source for p in passages[:5]}
    reopened = open_index(tmp_path, ENCODERS)
    assert reopened.passages == updated.passages == tuple(changed)
    for query in ("梯度检查点", "知识蒸馏", "low-bit integers"):
        assert reopened.search(query, 8) == updated.search(query, 8)


def test_moving_a_passage_embeds_nothing(tmp_path: Path) -> None:
    build_or_update(tmp_path, document_passages("d", DOCUMENT), "builtin", ENCODERS)
    counting = Counting()
    moved = document_passages("d", "\n\n\n" + DOCUMENT)
    updated = build_or_update(tmp_path, moved, "builtin", counting)
    assert counting.embedded == []
    assert open_index(tmp_path, ENCODERS).passages == updated.passages == tuple(moved)


def test_an_updated_index_ranks_like_a_fresh_one_once_it_is_fitted_anew(tmp_path: Path) -> None:
    """Enough new material refits the encoder; the result can't be told from an index built at once."""
    few, all_ = large_bank(2), large_bank(12)
    build_or_update(tmp_path / "a", few, "builtin", ENCODERS)
    updated = build_or_update(tmp_path / "a", all_, "builtin", ENCODERS)
    assert updated.stats.rebuilt_because is not None
    assert "encoder changed" in updated.stats.rebuilt_because
    fresh = build_or_update(tmp_path / "b", all_, "builtin", ENCODERS)
    assert updated.search("how is memory saved", 10) == fresh.search("how is memory saved", 10)


class OtherEncoder:
    """Three letters' counts: another encoder, under its own name."""

    fingerprint = "letters:1"
    dim = 3

    def encode_documents(self, texts: Sequence[str]) -> Any:
        import numpy as np

        counts = np.array([[text.count(letter) for letter in "aei"] for text in texts], dtype=np.float32).reshape(-1, 3)
        return counts / np.maximum(np.linalg.norm(counts, axis=1, keepdims=True), 1e-9)

    encode_queries = encode_documents


class WithOther(Counting):
    def create(self, name: str, corpus: Sequence[str]) -> Encoder:
        return OtherEncoder() if name == "letters" else super().create(name, corpus)

    def restore(self, name: str, folder: Path, corpus: Sequence[str] | None = None) -> Encoder:
        return OtherEncoder() if name == "letters" else super().restore(name, folder, corpus)


def test_another_encoder_rebuilds_and_other_weights_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    passages = bank_passages(BANK)
    build_or_update(tmp_path, passages, "builtin", WithOther())
    rebuilt = build_or_update(tmp_path, passages, "letters", WithOther())
    assert rebuilt.stats.embedded == len({p.text for p in passages})
    assert "builtin" in (rebuilt.stats.rebuilt_because or "")
    assert open_index(tmp_path, WithOther()).encoder.dim == 3
    monkeypatch.setattr(OtherEncoder, "fingerprint", "letters:2")
    with pytest.raises(RetrievalIndexError, match="other weights of letters"):
        open_index(tmp_path, WithOther())
    assert build_or_update(tmp_path, passages, "letters", WithOther()).stats.embedded > 0
    assert len(open_index(tmp_path, WithOther())) == len(passages)


def test_no_index_is_a_clear_error(tmp_path: Path) -> None:
    with pytest.raises(RetrievalIndexError, match="no index in"):
        open_index(tmp_path / "nothing", ENCODERS)


def _files(folder: Path) -> list[str]:
    version = folder / (folder / "CURRENT").read_text().split()[0]
    return sorted(path.relative_to(version).as_posix() for path in version.rglob("*") if path.is_file())


@pytest.mark.parametrize("harm", ["flipped", "truncated", "missing"])
def test_damage_to_any_file_is_noticed_and_mended(tmp_path: Path, harm: str) -> None:
    passages = bank_passages(BANK)
    build_or_update(tmp_path, passages, "builtin", ENCODERS)
    names = _files(tmp_path)
    assert {"manifest.json", "passages.jsonl", "vectors.faiss", "encoder/builtin.npz"} <= set(names)
    for name in [*names, "../CURRENT"]:
        path = tmp_path / (tmp_path / "CURRENT").read_text().split()[0] / name
        data = path.read_bytes()
        if harm == "missing":
            path.unlink()
        else:
            path.write_bytes(
                data[: len(data) // 2]
                + (bytes([data[len(data) // 2] ^ 0x5A]) + data[len(data) // 2 + 1 :] if harm == "flipped" else b"")
            )
        with pytest.raises(RetrievalIndexError, match=r"damaged|can't be read|no index|format"):
            open_index(tmp_path, ENCODERS)
        build_or_update(tmp_path, passages, "builtin", ENCODERS)
        assert open_index(tmp_path, ENCODERS).search("知识蒸馏")[0].passage.question_id == "distillation"


def test_a_folder_that_cannot_be_written_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("not a folder")
    with pytest.raises(RetrievalIndexError, match="can't be written"):
        build_or_update(tmp_path / "file", [], "builtin", ENCODERS)

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(RetrievalIndexError, match="No space left"):
        build_or_update(tmp_path / "index", [], "builtin", ENCODERS)


class PowerCut(BaseException):
    """Nothing may handle this, as nothing handles a power cut."""


STEPS: list[tuple[Any, str]] = [
    (Path, "mkdir"),
    (Path, "write_text"),
    (Path, "write_bytes"),
    (Path, "rename"),
    (Path, "replace"),
    (os, "fsync"),
    (snapshots.shutil, "rmtree"),
]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize(("owner", "name"), STEPS, ids=[name for _, name in STEPS])
def test_a_build_that_dies_at_any_step_leaves_the_old_index_or_the_new_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, owner: Any, name: str, when: str
) -> None:
    old, new = bank_passages(BANK), bank_passages(Bank(BANK.questions[:2]))
    for passages in (new[:8], old):  # two versions, so that the next build has an old one to sweep
        build_or_update(tmp_path, passages, "builtin", ENCODERS)
    real: Callable[..., Any] = getattr(owner, name)
    deaths = 0
    while True:
        left = deaths

        def dying(*args: Any, **kwargs: Any) -> Any:
            nonlocal left
            left -= 1
            if left >= 0:
                return real(*args, **kwargs)
            if when == "after":
                real(*args, **kwargs)
            raise PowerCut

        monkeypatch.setattr(owner, name, dying)
        try:
            build_or_update(tmp_path, new, "builtin", ENCODERS)
            finished = True
        except PowerCut:
            finished = False
        monkeypatch.setattr(owner, name, real)
        found = open_index(tmp_path, ENCODERS)
        assert found.passages in (tuple(old), tuple(new))
        assert found.search("知识蒸馏")[0].passage.question_id == "distillation"
        if finished:
            break
        deaths += 1
        build_or_update(tmp_path, old, "builtin", ENCODERS)
    assert deaths > 0, f"the build never calls {name}"
    assert found.passages == tuple(new)
    build_or_update(tmp_path, old, "builtin", ENCODERS)
    assert not list(tmp_path.glob("tmp-*"))
    assert len(list(tmp_path.glob("v-*"))) <= 2


def _build(folder: str, n: int) -> None:
    build_or_update(Path(folder), large_bank(n), "builtin", ENCODERS)


def test_processes_that_build_at_once_leave_one_whole_index(tmp_path: Path) -> None:
    context = multiprocessing.get_context("spawn")
    workers = [context.Process(target=_build, args=(str(tmp_path), n)) for n in (2, 3)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join(120)
    assert [worker.exitcode for worker in workers] == [0, 0]
    assert len(open_index(tmp_path, ENCODERS)) in (len(large_bank(2)), len(large_bank(3)))


def test_a_killed_builder_gives_its_lock_back(tmp_path: Path) -> None:
    build_or_update(tmp_path, bank_passages(BANK), "builtin", ENCODERS)
    code = (
        "import sys, time; from pathlib import Path; from interviewer.retrieval import snapshots\n"
        "with snapshots.writing(Path(sys.argv[1])):\n    print('held', flush=True); time.sleep(600)"
    )
    with subprocess.Popen([sys.executable, "-c", code, str(tmp_path)], stdout=subprocess.PIPE, text=True) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == "held\n"
        with pytest.raises(RetrievalIndexError, match="another process"):
            build_or_update(tmp_path, [], "builtin", ENCODERS, lock_timeout=0.1)
        holder.send_signal(signal.SIGKILL)
    assert len(build_or_update(tmp_path, [], "builtin", ENCODERS, lock_timeout=30)) == 0


# ---------------------------------------------------------------- the shipped bank


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Any:
    from interviewer.config import corpus_dir
    from interviewer.ingest.bankfile import load_bank

    passages = bank_passages(load_bank([corpus_dir() / "bank"]))
    return build_or_update(tmp_path_factory.mktemp("shipped"), passages, "builtin", ENCODERS)


def test_distillation_in_the_shipped_bank(shipped: Any) -> None:
    assert "蒸馏" in shipped.search("知识蒸馏", 1)[0].passage.text
    assert "distil" in shipped.search("knowledge distillation", 1)[0].passage.text.lower()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_questions_of_the_shipped_bank_are_found_from_the_other_language(shipped: Any, lang: str) -> None:
    """Each question's text, among all passages of the other language but its own translation, which it was fitted with."""
    asked = [p for p in shipped.passages if p.lang == lang and "#question." in p.source]
    rows = [row for row, p in enumerate(shipped.passages) if p.lang != lang and "#question." not in p.source]
    found = sum(shipped.passages[shipped.ranking(p.text, rows)[0][0]].question_id == p.question_id for p in asked)
    assert found / len(asked) >= 0.9
