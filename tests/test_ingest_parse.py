"""Question documents of every layout: what is a question, what belongs to it, what is cut off."""

from __future__ import annotations

from pathlib import Path

import pytest

from interviewer.ingest.documents import Document, read_document
from interviewer.ingest.labels import find_label, find_number
from interviewer.ingest.parse import RawQuestion, parse_document, parse_whole

DATA = Path(__file__).parent / "data" / "ingest"
#: file → (number, text, first words of the answer)
EXPECTED: dict[str, list[tuple[int, str, str]]] = {
    "headings.md": [
        (1, "什么是缓存穿透？如何避免缓存穿透？", "缓存穿透是指"),
        (2, "缓存雪崩怎么处理？", "- **过期时间打散"),
        (3, "什么是缓存穿透？怎样避免缓存穿透？", "缓存穿透是指"),
        (4, "给出一个带过期时间的缓存实现。", "```python"),
    ],
    "with_code.md": [(1, "请说明线程和进程的主要区别。", "两者的区别在于"), (2, "死锁的四个必要条件是什么？", "互斥、占有")],
    "cut_off.md": [(1, "请简述数据库索引的作用。", "索引的作用包括"), (2, "请解释覆盖索引。", "要点如下")],
    "context.md": [(1, "引入消息队列有哪些好处和代价？", "好处："), (2, "怎样保证同一订单的消息有序？", "1. **同键同分区")],
    "qa_pairs.txt": [
        (1, "What is virtual memory?", "Virtual memory gives"),
        (2, "Why is a system call slower than a function call?", "The processor switches"),
        (3, "What does a page fault do?", "The kernel finds"),
    ],
    "numbered.txt": [
        (1, "什么是一致性哈希？", "一致性哈希把节点"),
        (2, "为什么需要虚拟节点？", "真实节点太少"),
        (3, "简述节点下线时的数据迁移。", "只有下线节点"),
    ],
    "labels.md": [
        (1, "TCP 为什么要三次握手？", "三次握手"),
        (2, "TIME_WAIT 状态有什么用？", "它等待"),
        (12, "什么是滑动窗口？", "滑动窗口让"),
    ],
    "table.md": [
        (1, "Which isolation levels does SQL define?", "The standard names"),
        (2, "What is a covering index?", "An index that holds"),
        (3, "When would you denormalise?", ""),
    ],
    "chapters.md": [
        (1, "什么是 CAP 定理？", "网络分区"),
        (2, "什么是最终一致性？", "没有新的写入"),
        (3, "Raft 如何选主？", "跟随者超时"),
        (4, "租约有什么用？", "租约让持有者"),
    ],
}


def parse(text: str, name: str = "题库") -> list[RawQuestion]:
    return parse_document(Document(Path(f"{name}.md"), name, text))


@pytest.mark.parametrize("name", EXPECTED)
def test_every_layout_is_cut_into_its_questions(name: str) -> None:
    document = read_document(DATA / name)
    found = parse_document(document)
    assert [(q.number, q.text) for q in found] == [(number, text) for number, text, _ in EXPECTED[name]]
    for question, (_, _, begins) in zip(found, EXPECTED[name], strict=True):
        assert question.answer.startswith(begins)
        assert bool(question.answer) == bool(begins)
    for question, following in zip(found, [*found[1:], None], strict=True):
        assert 0 <= question.start < question.end <= (following.start if following else len(document.text))
        assert document.text.count("\n", 0, question.start) + 1 == question.line
        assert (
            document.text[question.start : question.end]
            .splitlines()[0]
            .strip()
            .rstrip("*")
            .endswith(question.title or question.text)
        )


@pytest.mark.parametrize("name", EXPECTED)
def test_only_the_cut_off_document_is_called_truncated(name: str) -> None:
    truncated = [q.number for q in parse_document(read_document(DATA / name)) if q.truncated]
    assert truncated == ([2] if name == "cut_off.md" else [])


def test_parts_of_a_question_are_told_apart() -> None:
    first, second = parse_document(read_document(DATA / "context.md"))
    assert first.title == "为什么要消息队列？"
    assert first.context == "消息队列把生产者和消费者隔开，中间用一个持久化的缓冲区。"
    assert second.title == "顺序消费"
    thread, lock = parse_document(read_document(DATA / "with_code.md"))
    assert thread.explanation.startswith("例如：")
    assert thread.code_blocks == ("# 创建线程\n### 3. 注释里的标题\nimport threading",)
    assert "死锁" not in thread.explanation
    assert lock.explanation.startswith("打破其中一个即可。")
    last = parse_document(read_document(DATA / "headings.md"))[-1]
    assert "总结" not in last.answer


def test_title_and_restarted_numbers() -> None:
    whole = parse_whole(read_document(DATA / "chapters.md"))
    assert whole.title == "分布式系统题库"
    assert whole.repeated_numbers == ((15, 1), (19, 2))
    assert parse_whole(read_document(DATA / "cut_off.md")).title == ""


LOCK = (1, "什么是锁？", "互斥。")
SEMAPHORE = (2, "什么是信号量？", "计数。")
MUTEX = (1, "What is a mutex?", "A lock.")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("## Q1: What is a mutex?\n\nA lock.\n", [MUTEX]),
        ("**Q1. What is a mutex?**\n\n**A1.** A lock.\n", [MUTEX]),
        ("- Q: What is a mutex?\n- A: A lock.\n- Q: And?\n- A: So.\n", [MUTEX, (2, "And?", "So.")]),
        ("### 面试题 12：什么是锁？\n答案：互斥。\n", [(12, *LOCK[1:])]),
        ("1、什么是锁？\n答：互斥。\n\n2、什么是信号量？\n答：计数。\n", [LOCK, SEMAPHORE]),
        ("**1. 什么是锁？**\n\n互斥。\n\n**2. 什么是信号量？**\n\n计数。\n", [LOCK, SEMAPHORE]),
        ("第一题：什么是锁？\n参考答案：互斥。\n\n第二题：什么是信号量？\n参考答案：计数。\n", [LOCK, SEMAPHORE]),
        ("**什么是锁？**\n\n互斥。\n\n**什么是信号量？**\n\n计数。\n", [LOCK, SEMAPHORE]),
        ("- 什么是锁？\n  - 互斥。\n- 什么是信号量？\n  - 计数。\n", [(1, LOCK[1], "- 互斥。"), (2, SEMAPHORE[1], "- 计数。")]),
        ("## 问题一\n\n什么是锁？\n\n## 答案\n\n互斥。\n", [LOCK]),
        ("> **问题：** 什么是锁？\n>\n> **答案：** 互斥。\n", [LOCK]),
        ("### 题目1\n什么是锁？\n### 答案\n互斥。\n### 题目2\n什么是信号量？\n### 答案\n计数。\n", [LOCK, SEMAPHORE]),
        ("## 什么是锁？\n**解析：** 互斥。\n## 信号量\n**解析：** 计数。\n## 附录\n无。\n", [LOCK, (2, "信号量", "计数。")]),
        ("### 什么是锁？\n<details><summary>答案</summary>\n\n互斥。\n\n</details>\n", [LOCK]),
        ("    ## 1. 什么是锁？\n    互斥。\n    ## 2. 什么是信号量？\n    计数。\n", [LOCK, SEMAPHORE]),
    ],
)
def test_relatives_of_the_layouts(text: str, expected: list[tuple[int, str, str]]) -> None:
    assert [(q.number, q.text, q.answer) for q in parse(text)] == expected


def test_lists_and_labels_inside_answers_are_no_questions() -> None:
    text = (
        "## 1. 怎么排查慢查询？\n\n**答案：**\n\n1. 先看执行计划。\n2. 再看索引用没用上？\n\n- **问题：** 统计信息过期。\n\n"
        "### 步骤\n\n问题：锁等待。\n\n```\n## 2. 什么？\nQ: no?\n```\n\n## 2. 什么是死锁？\n\n**答案：** 互相等待。\n"
    )
    assert [q.text for q in parse(text)] == ["怎么排查慢查询？", "什么是死锁？"]
    assert "统计信息" in parse(text)[0].answer
    assert "锁等待" in parse(text)[0].answer


def test_two_questions_under_one_heading_are_two() -> None:
    text = "## 1. 锁\n\n**问题：** 什么是锁？\n\n**答案：** 互斥。\n\n**问题：** 什么是自旋锁？\n\n**答案：** 忙等。\n"
    assert [(q.text, q.answer) for q in parse(text)] == [("什么是锁？", "互斥。"), ("什么是自旋锁？", "忙等。")]


def test_an_ordinary_text_has_no_questions() -> None:
    assert parse("# Report\n\n## 1. Introduction\n\nSome words.\n\n## 2. Methods\n\nMore words.\n", "report") == []
    assert parse("Only prose here. Nothing is asked.\n", "prose") == []


@pytest.mark.parametrize(
    ("ending", "cut"),
    [
        ("完整的一句话。", False),
        ("完整的一句话", False),
        ("- 甲是一。\n- 乙是二。", False),
        ("- 甲\n- 乙\n- 丙", False),
        ("- 甲是第一个要点。\n- 乙是第二个要点。\n- 丙的", True),
        ("- 甲是第一个要点。\n- 乙是第二个要", True),
        ("这句话还没有说完，因为它停在了逗号，", True),
        ("这句话没有句号也没有说完因为文件在这里被切", True),
        ("看代码。\n\n```python\nprint(1)\n```", False),
        ("看代码。\n\n```python\nprint(1)", True),
        ("| a | b |\n|---|---|\n| 1 | 2 |", False),
        ("**重点是这一句话要记住。**", False),
        ("It ends like this (really).", False),
    ],
)
def test_cut_off_endings(ending: str, cut: bool) -> None:
    assert [q.truncated for q in parse(f"## 1. 第一问？\n\n好的。\n\n## 2. 第二问？\n\n{ending}\n")] == [False, cut]


def test_an_open_end_in_the_middle_is_cut_off_too() -> None:
    assert [q.truncated for q in parse("## 1. 第一问？\n\n包括，\n\n## 2. 第二问？\n\n好的。\n")] == [True, False]


@pytest.mark.parametrize(
    "line",
    ["A. batching", "A", "问题不大，可以忽略。", "答案在于缓存。", "Q", "Questions remain open.", "解析式求导", "Ask: why"],
)
def test_no_labels(line: str) -> None:
    assert find_label(line) is None


def test_numbers() -> None:
    assert find_number("3. 什么") == (3, "什么")
    assert find_number("**（12）** 什么") == (12, "什么")
    assert find_number("第二十一题 什么") == (21, "什么")
    assert find_number("十、什么") == (10, "什么")
    assert find_number("2.1 什么") == (None, "什么")
    assert find_number("3D 卷积") is None
    assert find_number("0.5 的学习率") != (0, "5 的学习率")
    assert find_number("2024 年") is None


def test_underlined_headings_are_headings() -> None:
    text = (
        "面试题\n======\n\n1. 什么是锁？\n---------\n\n锁让同一时刻只有一个线程进入临界区。\n\n---\n\n"
        "2. 什么是死锁？\n---\n\n几个线程互相等待。\n这一行后面是分隔线。\n---\n\n等下去没有尽头。\n"
    )
    whole = parse_whole(Document(Path("a.md"), "a", text))
    assert whole.title == "面试题"
    assert [(q.number, q.text) for q in whole.questions] == [(1, "什么是锁？"), (2, "什么是死锁？")]
    assert whole.questions[0].answer == "锁让同一时刻只有一个线程进入临界区。"
    assert whole.questions[1].answer.endswith("等下去没有尽头。")


@pytest.mark.parametrize(
    "header",
    ["| 题目 | 参考答案 |", "| **Question** | Answer |", "| # | Level | 问题 | 答案 | 解析 |"],
    ids=["zh", "en", "wide"],
)
def test_rows_of_a_table_of_questions_and_answers(header: str) -> None:
    wide = header.count("|") > 3
    rows = [
        ("什么是锁？", "一次 a \\| b 只进一个"),
        ("", "没有题"),
        ("什么是死锁？", "互相等待<br>谁也不放"),
        ("什么是活锁？", ""),
    ]
    cells = [f"| {n} | 1 | {q} | {a} | 因为 |" if wide else f"| {q} | {a} |" for n, (q, a) in enumerate(rows)]
    rule = "|---" * (header.count("|") - 1) + "|"
    text = "\n".join(["# 并发", "", "## 第一章", "", header, rule, *cells, "", "完。"])
    found = parse(text)
    assert [(q.number, q.text, q.answer) for q in found] == [
        (1, "什么是锁？", "一次 a | b 只进一个"),
        (2, "什么是死锁？", "互相等待\n谁也不放"),
        (3, "什么是活锁？", ""),
    ]
    assert all(q.explanation == ("因为" if wide else "") for q in found)
    assert all(q.text in text[q.start : q.end] and text.split("\n")[q.line - 1] == text[q.start : q.end] for q in found)


def test_other_tables_are_no_questions() -> None:
    text = "1. 隔离级别有哪些？\n\n| 级别 | 问题 |\n|---|---|\n| RC | 不可重复读 |\n| RR | 幻读 |\n\n2. 什么是锁？\n\n互斥。\n"
    assert [q.text for q in parse(text)] == ["隔离级别有哪些？", "什么是锁？"]
