"""The words of a report in both languages, for every renderer."""

from __future__ import annotations

from interviewer.domain.assessment import Verdict
from interviewer.domain.questions import Lang, LocalText
from interviewer.report.model import StudyPoint


def word(key: str, lang: Lang) -> str:
    """A label. Raises KeyError for an unknown key, which is a mistake in the program."""
    return WORDS[key].get(lang)


def verdict_word(verdict: Verdict, lang: Lang) -> str:
    """A verdict with its sign, so that colour is never the only carrier."""
    return f"{SIGNS[verdict]} {word(verdict.value, lang)}"


def study_word(point: StudyPoint, lang: Lang) -> str:
    """What became of a point to study, with its sign."""
    return verdict_word(point.verdict, lang) if point.answered else f"{UNHEARD} {word('no-answer', lang)}"


def end_word(why: str | None, lang: Lang) -> str:
    """Why a question ended, in words."""
    return word(f"end.{why}", lang) if why and f"end.{why}" in WORDS else ""


def flag_word(flag: str, lang: Lang) -> str:
    """What a flag means; the flag itself where there are no words for it."""
    return word(f"flag.{flag}", lang) if f"flag.{flag}" in WORDS else flag


UNHEARD = "–"
SIGNS = {Verdict.COVERED: "✓", Verdict.PARTLY: "◐", Verdict.MISSING: "○", Verdict.CONTRADICTED: "✗"}

WORDS: dict[str, LocalText] = {
    "title": LocalText("面试报告", "Interview report"),
    "overall": LocalText("总体", "Overall"),
    "score": LocalText("得分", "Score"),
    "band": LocalText("可信区间", "Band"),
    "not-graded": LocalText("未评分", "Not graded"),
    "no-answer": LocalText("没有作答", "No answer"),
    "topics": LocalText("各主题", "By topic"),
    "topic": LocalText("主题", "Topic"),
    "questions": LocalText("题数", "Questions"),
    "study": LocalText("接下来学什么", "What to study next"),
    "details": LocalText("逐题", "Question by question"),
    "your-answer": LocalText("你的回答", "Your answer"),
    "you-said": LocalText("你的原话", "You said"),
    "reference": LocalText("参考回答", "Reference answer"),
    "reading": LocalText("延伸阅读", "Further reading"),
    "possible-misconception": LocalText("可能的误解", "Possible misconception"),
    "correction": LocalText("更正", "Correction"),
    "hints-used": LocalText("用了提示", "Hints used"),
    "follow-ups": LocalText("追问", "Follow-ups"),
    "level": LocalText("难度", "Level"),
    "graded-by": LocalText("评分者", "Graded by"),
    "interviewer": LocalText("面试官", "Interviewer"),
    "built-in": LocalText("内置面试官", "built-in interviewer"),
    "date": LocalText("时间", "Date"),
    "mode": LocalText("模式", "Mode"),
    "practice": LocalText("练习", "Practice"),
    "real": LocalText("正式", "Real"),
    "running": LocalText("面试还没有结束，这是目前的结果。", "The interview is still running; this is how it stands."),
    "counts": LocalText(
        "评分 {graded} 题，未能评分 {ungraded} 题，未作答 {skipped} 题（未作答的不计入得分）。",
        "{graded} graded, {ungraded} could not be graded, {skipped} without an answer (those are not in the score).",
    ),
    "builtin-note": LocalText(
        "由内置评分器按文字匹配评出：它认不出流畅但错误的说法，也看不懂题库之外的正确内容，区间因此较宽。",
        "Graded by the built-in text matcher: it can miss fluent wrong claims and correct content outside the bank, "
        "so its bands are wide.",
    ),
    "covered": LocalText("已说到", "Covered"),
    "partly": LocalText("说到一部分", "Partly"),
    "missing": LocalText("没说到", "Missing"),
    "contradicted": LocalText("说反了", "Contradicted"),
    "end.sufficient": LocalText("回答已经充分", "The answer was sufficient"),
    "end.follow-ups-spent": LocalText("追问次数用完", "Follow-ups were used up"),
    "end.nothing-to-probe": LocalText("没有可追问的要点了", "Nothing was left to probe"),
    "end.dont-know": LocalText("表示不知道", "Said they don't know"),
    "end.skipped": LocalText("跳过", "Skipped"),
    "end.silence": LocalText("一直没有回答", "No reply"),
    "end.off-track": LocalText("多次偏离题目", "Kept off the question"),
    "end.ungraded": LocalText("未能评分", "Could not be graded"),
    "end.time": LocalText("时间到", "Time was up"),
    "end.ended": LocalText("面试提前结束", "The interview was ended"),
    "flag.echo": LocalText("主要是在重复题目", "mostly repeats the question"),
    "flag.keyword-list": LocalText("只是罗列关键词", "only lists keywords"),
    "flag.instruction": LocalText("含有对评分者的指示，已忽略", "held instructions to the grader, ignored"),
    "flag.truncated": LocalText("过长，只评了前面的部分", "too long; only the first part was judged"),
    "flag.dont-know": LocalText("表示不知道", "says they don't know"),
    "flag.verbatim": LocalText("与参考回答几乎逐字相同", "nearly word for word the reference"),
    "flag.off-topic": LocalText("与题目无关", "is about something else"),
    "flag.empty": LocalText("没有内容", "is empty"),
    "flag.model-failed": LocalText("模型没能评分，由内置评分器代评", "the model could not grade it; the built-in grader did"),
}
