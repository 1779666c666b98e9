"""The words of a report in both languages, for every renderer."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean

from interviewer.domain.assessment import Verdict
from interviewer.domain.practice import HINT_COST, Hinted, Retry
from interviewer.domain.questions import Lang, LocalText
from interviewer.report.model import Again, StudyPoint, Sureness


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


def sureness_word(sureness: Sequence[Sureness], lang: Lang) -> str:
    """How well the candidate judged themselves over all answers. Raises ValueError without any."""
    sure, score = fmean(s.percent for s in sureness), fmean(s.score for s in sureness)
    kind = "fits" if abs(sure - score) < FAIR_GAP else "over" if sure > score else "under"
    return word(f"sureness-{kind}", lang).format(sure=f"{sure:.0f}", score=f"{score:.0f}", gap=f"{abs(sure - score):.0f}")


def hints_word(hinted: Hinted | None, score: float | None, lang: Lang) -> str:
    """What a question's hints cost, beside its score of 0–100; empty where there were none."""
    if hinted is None:
        return ""
    given, left = sum(hinted.hints.values()), round(hinted.score)
    if score is None or left == round(score):
        return word("hints-free", lang).format(n=given)
    return word("hints-cost", lang).format(n=given, score=left, percent=round(100 * HINT_COST))


def again_word(again: Again, lang: Lang) -> str:
    """How often a question was answered again, how well at best, and that it changes nothing."""
    if again.best is None:
        return word("again-ungraded", lang).format(n=len(again.answers))
    return word("again-best", lang).format(n=len(again.answers), score=round(again.best))


def again_title(number: int, retry: Retry, lang: Lang) -> str:
    """The heading of a further answer: the how manieth it is, counted from 1, and what it scored."""
    score = retry.assessment.score if retry.assessment else None
    if score is None:
        return word("further-ungraded", lang).format(n=number)
    return word("further-score", lang).format(n=number, score=round(score))


#: Points between confidence and score that are within what either can mean: confidence is asked in steps of 25.
FAIR_GAP = 12.5
UNHEARD = "–"
SIGNS = {Verdict.COVERED: "✓", Verdict.PARTLY: "◐", Verdict.MISSING: "○", Verdict.CONTRADICTED: "✗"}

WORDS: dict[str, LocalText] = {
    "title": LocalText("面试报告", "Interview report"),
    "overall": LocalText("总体", "Overall"),
    "score": LocalText("得分", "Score"),
    "not-graded": LocalText("未评分", "Not graded"),
    "no-answer": LocalText("没有作答", "No answer"),
    "topics": LocalText("各主题", "By topic"),
    "topic": LocalText("主题", "Topic"),
    "question": LocalText("题目", "Question"),
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
        "由内置评分器按文字匹配评出：说得流畅但错误的内容，它往往看得出来，但并不总能看出；题库之外的正确内容，它评不了。区间因此较宽。",
        "Graded by the built-in text matcher: it often, but not always, notices fluent wrong claims, and it can't judge "
        "correct content outside the bank, so its bands are wide.",
    ),
    "in-reference": LocalText("参考回答里的说法", "In the reference answer"),
    "source": LocalText("题库", "bank"),
    "also-read": LocalText("题库和资料里的相关段落", "Also on this, in your library"),
    "misconceptions": LocalText("可能的误解与更正", "Possible misconceptions, corrected"),
    "believed": LocalText("说法", "Belief"),
    # ---- how sure, and how right
    "sureness": LocalText("把握与得分", "How sure, and how right"),
    "sureness-intro": LocalText(
        "看到评分前你说的把握，和后来的得分。最有把握却没说对的排在最前。",
        "How sure you were before seeing the grade, beside the score. What you were surest of and missed comes first.",
    ),
    "sure": LocalText("把握", "Sure"),
    "gap": LocalText("相差", "Gap"),
    "sureness-over": LocalText(
        "平均把握 {sure}%，平均得分 {score}：高估了约 {gap} 分。",
        "On average {sure}% sure, and {score} points: about {gap} too sure.",
    ),
    "sureness-under": LocalText(
        "平均把握 {sure}%，平均得分 {score}：低估了约 {gap} 分。",
        "On average {sure}% sure, and {score} points: about {gap} too unsure.",
    ),
    "sureness-fits": LocalText(
        "平均把握 {sure}%，平均得分 {score}：估计得相当准。", "On average {sure}% sure, and {score} points: a fair judgement."
    ),
    "nth-question": LocalText("第 {n} 题", "Question {n}"),
    # ---- objections
    "objection": LocalText("对参考答案的异议", "Objection to the reference"),
    "about-point": LocalText("要点", "Point"),
    "objection.open": LocalText("待核对", "not looked at yet"),
    "objection.accepted": LocalText("已采纳", "accepted"),
    "objection.rejected": LocalText("已驳回，参考答案不变", "rejected: the reference stays"),
    # ---- hints, and answering again
    "hints-cost": LocalText(
        "计入提示后为 {score} 分：用了 {n} 条提示，每条让它之后才说出的那个要点少计 {percent}%。上面的得分不受影响。",
        "Counting hints: {score}. Hints used: {n}; each takes {percent}% off what was said of its point afterwards. "
        "The score above stays as it is.",
    ),
    "hints-free": LocalText(
        "用了 {n} 条提示，没有影响分数：它们提示的要点之后没有再得分。",
        "Hints used: {n}. They cost nothing, since nothing was gained on their points afterwards.",
    ),
    "again": LocalText("再答一次", "Answered again"),
    "again-best": LocalText(
        "再答了 {n} 次，最好 {score} 分。计入成绩的是第一次。",
        "Further answers: {n}, the best of them {score} points. The first time is the one that counts.",
    ),
    "again-ungraded": LocalText(
        "再答了 {n} 次，没能评分。计入成绩的是第一次。",
        "Further answers: {n}; none of them could be graded. The first time is the one that counts.",
    ),
    "further-score": LocalText("第 {n} 次再答：{score} 分", "Further answer {n}: {score} points"),
    "further-ungraded": LocalText("第 {n} 次再答：没能评分", "Further answer {n}: not graded"),
    "change.gained": LocalText("进步", "Gained"),
    "change.lost": LocalText("退步", "Lost"),
    "change.same": LocalText("不变", "Same"),
    # ---- delivery
    "delivery": LocalText("表达", "Delivery"),
    "delivery-apart": LocalText("表达单独看，不计入得分。", "Looked at apart from the content; it never changes a score."),
    "delivery-typed": LocalText(
        "打字作答，只能看出长度和结构；语速、口头禅和停顿要用语音作答才量得出。",
        "Typed, so only length and structure can be known. Pace, fillers and pauses need a spoken answer.",
    ),
    "delivery-partly": LocalText(
        "{n} 次作答里有 {spoken} 次是语音；语速、口头禅和停顿只按语音部分算。",
        "{spoken} of {n} replies were spoken; pace, fillers and pauses are of those alone.",
    ),
    "length": LocalText("第一次作答的长度", "Length of the first reply"),
    "length-spoken": LocalText("{n} 秒", "{n} s"),
    "length-estimated": LocalText("约 {n} 秒（按字数估计）", "about {n} s if spoken (estimated from the text)"),
    "length-range": LocalText("建议 {low}–{high} 秒", "{low}–{high} s suggested"),
    "pace": LocalText("语速", "Pace"),
    "pace-value.zh": LocalText("每分钟 {n} 字", "{n} characters a minute"),
    "pace-value.en": LocalText("每分钟 {n} 词", "{n} words a minute"),
    "pace-range": LocalText("{low}–{high} 听着舒服", "{low}–{high} is comfortable"),
    "fillers": LocalText("口头禅", "Fillers"),
    "fillers-none": LocalText("没有", "none"),
    "fillers-value.zh": LocalText("{n} 个，每百字 {rate}", "{n}, or {rate} in a hundred characters"),
    "fillers-value.en": LocalText("{n} 个，每百词 {rate}", "{n}, or {rate} in a hundred words"),
    "fillers-range": LocalText("{high} 以内不会有人留意", "up to {high} goes unnoticed"),
    "pauses": LocalText("长停顿", "Long pauses"),
    "pauses-none": LocalText("没有（2 秒以上才算）", "none of 2 s or more"),
    "pauses-value": LocalText("{n} 次，最长 {longest} 秒", "{n}, the longest {longest} s"),
    "structure": LocalText("结构", "Structure"),
    "opens-straight": LocalText("开头就给出了观点", "opens with the point"),
    "opens-slowly": LocalText("开头先铺垫，没有直接给出观点", "opens with a preamble before the point"),
    "signposts-value": LocalText("用了 {n} 处条理词（首先、其次……）", "{n} signposts (first, second …)"),
    "signposts-none": LocalText("没有条理词（首先、其次……）", "no signposts (first, second …)"),
    "list-comma": LocalText("、", ", "),
    "list-semicolon": LocalText("；", "; "),
    "with-detail": LocalText("{value}（{detail}）", "{value} ({detail})"),
    "as-heard": LocalText("识别出的原话", "As it was heard"),
    "pause-mark": LocalText("停顿 {n} 秒", "{n} s pause"),
    "advice": LocalText("一条建议", "One piece of advice"),
    "advice.shorter": LocalText(
        "说得太长了。先用两三句话把要点说完就停，细节留给面试官追问。",
        "Too long. Make your points in a few sentences and stop; the interviewer will ask for detail.",
    ),
    "advice.longer": LocalText(
        "说得偏短。每个要点后面补一句为什么，或举一个具体的数字、例子。",
        "On the short side. After each point add one sentence on why, or one concrete number or example.",
    ),
    "advice.slower": LocalText(
        "语速太快。每说完一个要点停一拍，关键的词放慢说。",
        "Too fast. Stop for a beat after each point, and slow down on the words that matter.",
    ),
    "advice.faster": LocalText(
        "语速偏慢。开口前先想好三个关键词，照着它们一口气往下说。",
        "On the slow side. Settle on three key words before you start, and let them carry you.",
    ),
    "advice.fillers": LocalText(
        "口头禅多了些，最多的是“{word}”。想词的时候闭上嘴，安静一秒比填一个词更显得从容。",
        "Many fillers, “{word}” above all. When you look for a word, close your mouth: a second of silence sounds surer.",
    ),
    "advice.pauses": LocalText(
        "中途长停顿较多。卡住的时候把思路说出来，比如“我先想想它和某某的区别”。",
        "Many long pauses. When you are stuck, say what you are thinking about, such as “let me compare it with …”.",
    ),
    "advice.point-first": LocalText(
        "把结论放到第一句，背景和经历放后面。先说“答案是……，因为……”。",
        "Put the conclusion into your first sentence and the background after it: “The answer is …, because …”.",
    ),
    "advice.signposts": LocalText(
        "内容不少，但听的人不知道有几点。先说“有三点”，再用首先、其次、最后带着走。",
        "There is a lot in it, but a listener can't tell how much. Say “three things”, then first, second, finally.",
    ),
    # ---- cards
    "deck": LocalText("模拟面试：薄弱点", "Mock interview: weak points"),
    "aspect-unnamed": LocalText("这道题还有一个要点要说到，是什么？", "There is one more key point to make here. Which?"),
    "nothing-to-learn": LocalText(
        "没有薄弱的要点，做不成卡片。", "No key point was missed, so there is nothing to put on cards."
    ),
    "advice.keep": LocalText("长度和条理都合适，照这样说就好。", "Nothing stands out. Keep doing it this way."),
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
