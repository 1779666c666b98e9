"""Documents to questions, reports and duplicates; any input at all."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from interviewer.domain.questions import Bank, KeyPoint, LocalText, Question
from interviewer.domain.text import normalise
from interviewer.ingest.bankfile import dump_bank_file, read_bank_file
from interviewer.ingest.derive import slug
from interviewer.ingest.duplicates import Wording, same_question
from interviewer.ingest.run import IngestResult, ingest

DATA = Path(__file__).parent / "data" / "ingest"
SEEDS = Path(__file__).parents[2] / "shared" / "seeds"
needs_seeds = pytest.mark.skipif(
    not SEEDS.is_dir(), reason="the five seed documents are not beside this checkout (../shared/seeds)"
)


def from_text(tmp_path: Path, text: str, name: str = "doc.md", known: Bank | None = None) -> IngestResult:
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    return ingest([path], known)


@needs_seeds
def test_the_five_seed_documents() -> None:
    result = ingest(sorted(SEEDS.glob("*.txt")))
    assert [(f.questions, f.answers) for f in result.files] == [(50, 50), (40, 40), (24, 24), (30, 30), (6, 6)]
    assert [len(f.problems) for f in result.files] == [0, 0, 1, 0, 0]
    line, message = result.files[2].problems[0]
    assert line == 391
    assert "question 24" in message
    assert "truncated" in message
    # Asked two or three times in the first document, read with the eye.
    twice = {
        13: 4,
        41: 4,
        21: 10,
        28: 25,
        36: 14,
        47: 14,
        39: 5,
        50: 5,
        40: 16,
        42: 9,
        43: 11,
        44: 19,
        45: 17,
        46: 12,
        48: 37,
        49: 7,
    }
    assert dict(result.files[0].duplicates) == twice
    assert (29, "001_16d0ce85b260d066#18") in result.files[3].duplicates
    total = sum(f.questions for f in result.files) - sum(len(f.duplicates) for f in result.files)
    assert len(result.questions) == total
    assert all(1 <= len(q.key_points) <= 7 for q in result.questions)
    assert not any("希望" in q.reference.zh or "祝您" in q.reference.zh for q in result.questions)


@needs_seeds
def test_derived_seeds_can_be_saved_and_read(tmp_path: Path) -> None:
    result = ingest([SEEDS / "002_9029131263a27ecd.txt"])
    topic = result.questions[0].topic
    dump_bank_file(tmp_path / "x.yaml", topic, result.topics[topic], result.questions, "derived")
    assert read_bank_file(tmp_path / "x.yaml").questions == result.questions
    last = result.questions[-1]
    assert last.sources == ("002_9029131263a27ecd#24",)
    assert all("梯度共享" not in p.statement.zh for p in last.key_points)


def test_report_of_a_small_document() -> None:
    result = ingest([DATA / "headings.md"])
    assert result.to_json_dict() == {
        "files": [
            {
                "path": str(DATA / "headings.md"),
                "questions": 4,
                "answers": 4,
                "duplicates": [{"number": 3, "of": 1}],
                "problems": [
                    {
                        "line": 26,
                        "message": "question 4: the answer holds no sentence or list that could be graded (code alone?)",
                    }
                ],
            }
        ]
    }
    assert [q.id for q in result.questions] == ["headings-1", "headings-2"]
    assert result.topics["headings"].zh == "缓存系统面试题汇总"


def test_key_points_from_items_and_definitions() -> None:
    question = ingest([DATA / "headings.md"]).questions[0]
    assert question.origin == "derived"
    assert question.sources == ("headings#1",)
    assert [(p.weight, p.terms) for p in question.key_points] == [
        (3, ()),
        (2, (("布隆过滤器", "Bloom Filter"),)),
        (2, (("缓存空值",),)),
    ]
    assert question.key_points[0].statement.zh.startswith("缓存穿透是指")


def test_key_points_from_prose_tables_and_wrapped_lines(tmp_path: Path) -> None:
    points = [p.statement.en for p in ingest([DATA / "table.md"]).questions[0].key_points]
    assert points[1:] == [
        "Read committed: dirty reads",
        "Repeatable read: dirty and non-repeatable reads",
        "Serializable: phantoms as well",
    ]
    text = (
        "Q: What is virtual memory?\nA: Virtual memory gives each process an address space that is its\n"
        "own and maps it to physical pages on demand. Hope this helps!\n"
    )
    question = from_text(tmp_path, text).questions[0]
    assert [p.statement.en for p in question.key_points] == [
        "Virtual memory gives each process an address space that is its own and maps it to physical pages on demand."
    ]
    assert question.reference.en == question.key_points[0].statement.en


def test_a_long_list_of_names_keeps_them_all_in_seven_points(tmp_path: Path) -> None:
    names = [f"名字{char}" for char in "甲乙丙丁戊己庚辛壬癸子丑寅卯辰巳"]
    result = from_text(tmp_path, "## 1. 有哪些？\n\n答案：\n\n" + "".join(f"- {name}\n" for name in names))
    points = result.questions[0].key_points
    assert len(points) <= 7
    assert all(name in "".join(p.statement.zh for p in points) for name in names)


def test_closing_words_are_no_part_of_the_reference() -> None:
    question = ingest([DATA / "context.md"]).questions[-1]
    assert "祝您" not in question.reference.zh
    assert len(question.key_points) == 2


def test_duplicates_across_files_and_with_a_known_bank(tmp_path: Path) -> None:
    one, two = tmp_path / "one.md", tmp_path / "two.md"
    one.write_text("## 7. 什么是锁？\n\n互斥的一种实现手段。\n", encoding="utf-8")
    two.write_text(
        "## 1. 请解释一下什么是锁\n\n互斥的一种实现手段。\n\n## 2. 什么是屏障？\n\n所有线程都到了才继续。\n", encoding="utf-8"
    )
    result = ingest([one, two])
    assert result.files[1].duplicates == [(1, "one#7")]
    assert [q.id for q in result.questions] == ["one-7", "two-2"]
    point = KeyPoint("p", LocalText("甲"))
    bank = Bank(
        (
            Question("lock", "t", 1, LocalText("锁是什么？"), LocalText("甲"), (point,)),
            Question("b", "t", 1, LocalText("谈谈同步原语"), LocalText("甲"), (point,), sources=("two#2",)),
        )
    )
    known = ingest([one, two], bank)
    assert [f.duplicates for f in known.files] == [[(7, "lock")], [(1, "lock"), (2, "b")]]
    assert known.questions == ()


def test_two_files_of_one_name_do_not_share_ids(tmp_path: Path) -> None:
    paths = []
    for folder, asked in (("a", "什么是锁？"), ("b", "什么是屏障？")):
        path = tmp_path / folder / "doc.md"
        path.parent.mkdir()
        path.write_text(f"## 1. {asked}\n\n它是一种同步手段，大家都用。\n", encoding="utf-8")
        paths.append(path)
    assert [q.id for q in ingest(paths).questions] == ["doc-1", "doc-2-1"]


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [
        ("什么是数据增强？如何使用数据增强？", "什么是数据增强？如何实现数据增强？", True),
        ("什么是对抗样本？如何防御对抗样本？", "什么是对抗攻击？如何防御对抗攻击？", False),
        ("什么是自注意力机制？", "什么是注意力机制？", False),
        ("什么是深度强化学习？", "什么是强化学习？", False),
        ("大模型训练过程中如何处理过拟合问题？", "如何处理大模型训练中的过拟合问题？", True),
        ("大模型在语音识别任务中的应用？", "大模型在图像识别任务中的应用？", False),
        ("What is dropout?", "Please explain dropout.", True),
        ("What is dropout?", "Why does dropout help?", False),
        ("为什么需要归一化？", "什么是归一化？", False),
        ("有哪些方法？", "如何实现？", False),
    ],
)
def test_same_question(one: str, two: str, same: bool) -> None:
    assert same_question(Wording("a", one), Wording("b", two)) is same


def test_every_unreadable_file_is_reported_and_the_rest_is_read(tmp_path: Path) -> None:
    (tmp_path / "empty.md").write_bytes(b"")
    (tmp_path / "image.png").write_bytes(b"\x89PNG\x00\x01\x02" * 100)
    paths = [tmp_path / "empty.md", tmp_path / "image.png", tmp_path / "gone.md", tmp_path, DATA / "labels.md"]
    result = ingest(paths)
    assert [len(f.problems) for f in result.files] == [1, 1, 1, 1, 0]
    assert "\n" not in "".join(message for f in result.files for _, message in f.problems)
    assert len(result.questions) == 3


def test_a_gbk_document_reads_like_its_utf8_twin(tmp_path: Path) -> None:
    path = tmp_path / "headings.md"
    path.write_bytes((DATA / "headings.md").read_text(encoding="utf-8").encode("gbk"))
    assert ingest([path]).questions == ingest([DATA / "headings.md"]).questions


def test_five_megabytes_are_read_to_the_end(tmp_path: Path) -> None:
    chars = [chr(0x4E00 + i) for i in range(3000)]
    block = "## {n}. {a}{b}是什么？\n\n**答案：** {a}{b}是一种手段，{filler}\n\n"
    filler = "它在很多地方都用得上，而且每次都不一样。" * 40
    text = "".join(block.format(n=i, a=chars[i], b=chars[(i * 7) % 3000], filler=filler) for i in range(1, 2001))
    assert len(text.encode()) > 4_500_000
    result = from_text(tmp_path, text)
    assert result.files[0].questions == result.files[0].answers == 2000


_layout = "## 1. 什么？|### 2、|Q: why?|A: so|**答案：**|- a：b|1. x?|```|---|> 答：||  |解析：。|#|2. 所以它是一种东西。"
_line = st.sampled_from([*_layout.split("|"), "|a|b|", "|-|-|"])


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(_line | st.text(max_size=20), max_size=25).map("\n".join))
@example("## 1. ?\n\n答案：\n\n- ：\n")
@example("1. \n" * 5)
@example("Q: why?\nA: " + "It is a thing that many people use every day. " * 9)
def test_any_text_gives_a_report_and_readable_questions(tmp_path: Path, text: str) -> None:
    path = tmp_path / "x.md"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    result = ingest([path])
    report = result.files[0]
    assert len(result.questions) <= report.questions
    assert report.questions or report.problems
    if result.questions:
        topic = result.questions[0].topic
        dump_bank_file(tmp_path / "x.yaml", topic, result.topics[topic], result.questions, "derived")
        assert read_bank_file(tmp_path / "x.yaml").questions == result.questions


@settings(max_examples=120, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.binary(max_size=400), st.sampled_from([".md", ".txt"]))
def test_any_bytes_give_a_report(tmp_path: Path, data: bytes, ending: str) -> None:
    path = tmp_path / f"x{ending}"
    path.write_bytes(data)
    assert len(ingest([path]).files) == 1


@given(st.text(max_size=50))
def test_slugs_fit_the_bank_format(name: str) -> None:
    made = slug(name)
    assert made
    assert made == slug(made)
    assert normalise(made) == made


def test_a_document_of_thousands_of_questions_is_cut_with_a_word(tmp_path: Path) -> None:
    path = tmp_path / "many.md"
    path.write_text(
        "\n\n".join(f"## {n}. 第 {n} 种方法是什么？\n\n方法 {n} 用第 {n} 步处理数据。" for n in range(1, 1203)),
        encoding="utf-8",
    )
    result = ingest([path])
    assert result.files[0].questions == 1202
    assert len(result.questions) <= 1000
    assert any("only the first 1000 of 1202" in message for _, message in result.files[0].problems)
