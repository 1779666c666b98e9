"""What is decided before any matching: empty and don't-know answers, instructions, the question repeated, bare lists of terms.

Rules on words and shape alone, for any grader. They say what may be judged; they give no verdict on a key point.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from interviewer.domain.questions import Question
from interviewer.domain.text import clauses, normalise, shingles, tokens
from interviewer.grading.lexicon import FILLERS, FUNCTION_WORDS, STOP_WORDS
from interviewer.grading.lists import FEWEST, is_list, names_in
from interviewer.grading.neutralise import MAX_ANSWER, TEMPLATE_MARK, clean, truncated
from interviewer.grading.vocabulary import words
from interviewer.grading.windows import Span, sentence_spans


@dataclass(frozen=True, slots=True)
class Judged:
    """What of an answer is judged: `spans` of sentences in `text`, which is as long as the answer up to the cut.

    `nothing` says why there is nothing to judge (`empty`, `dont-know`, `echo`, `instruction`, `keyword-list`), None when there
    is something.
    """

    text: str
    spans: tuple[Span, ...]
    flags: tuple[str, ...]
    nothing: str | None = None
    #: Numbers of the sentences in `spans` that are bare lists of terms, in an answer that says something elsewhere.
    lists: frozenset[int] = frozenset()

    @property
    def kept(self) -> str:
        """The judged sentences in one text, for a model to read."""
        return "\n".join(self.text[a:b] for a, b in self.spans)


def judge_scope(question: Question, answer: str, limit: int = MAX_ANSWER) -> Judged:
    """Cut, clean and gate an answer. Any string is fine."""
    text, cut = truncated(answer, limit)
    text = clean(text)
    flags = ["truncated"] if cut else []
    if not tokens(text):
        return Judged(text, (), (*flags, "empty"), "empty")
    removed = _merged([*instruction_spans(text), *grader_talk(question, text)])
    spans = sentence_spans(text)
    if removed:
        flags.append("instruction")
        spans = [piece for span in spans for piece in _without(span, removed)]
        spans = [s for s in spans if tokens(text[s[0] : s[1]])]
        if sum(len(_matter(text[a:b])) for a, b in spans) < _LEAST_MATTER:
            return Judged(text, (), tuple(flags), "instruction")
    if is_dont_know("\n".join(text[a:b] for a, b in spans)):
        return Judged(text, (), (*flags, "dont-know"), "dont-know")
    whole = "\n".join(text[a:b] for a, b in spans)
    own = [s for s in spans if not echoes(question, text[s[0] : s[1]])]
    if echoes(question, whole) or _says_nothing_new(question, whole):
        own = []
    if len(own) < len(spans) and sum(len(tokens(text[a:b])) for a, b in own) < 4:
        return Judged(text, (), (*flags, "echo"), "echo")
    spans = own
    names = frozenset(normalise(name) for point in question.key_points for group in point.terms for name in group)
    spans = _without_names(text, spans, names)
    lists = frozenset(n for n, (a, b) in enumerate(spans) if is_list(text[a:b], names))
    if len(lists) == len(spans) or is_list("\n".join(text[a:b] for a, b in spans), names):
        return Judged(text, (), (*flags, "keyword-list"), "keyword-list")
    return Judged(text, tuple(spans), tuple(flags), lists=lists)


def _without_names(text: str, spans: Sequence[Span], names: frozenset[str]) -> list[Span]:
    """The sentences but those of names alone, once there are as many names in them as make a list."""
    found = [names_in(text[a:b], names) for a, b in spans]
    return [span for span, held in zip(spans, found, strict=True) if not held] if sum(found) >= FEWEST else list(spans)


# ---------------------------------------------------------------- don't know

_DONT_KNOW = re.compile(
    r"(?:这个|这块|这道题|这方面|这题)?(?:我)?(?:真的|确实|还|也|完全|是|都|暂时|可能)*"
    r"(?:不(?:太|是很|怎么|大)?(?:知道|清楚|了解|会|懂|记得|确定|熟悉?)|没(?:有)?(?:太|怎么)?(?:了解|学|接触|听说|看|"
    r"研究|做|准备)过?(?:到)?|"
    r"忘(?:了|记了?)|想不(?:起来|出来)|答不(?:上来|出来)|说不(?:上来|好|清楚?|出来)|没(?:有)?(?:什么)?(?:思路|想法|印象|"
    r"概念))(?:了)?|"
    r"跳过|下一题|下一个(?:问题)?|换一(?:道|个)(?:题|问题)?|不好意思|抱歉|对不起|"
    r"\b(?:i )?(?:really |honestly |just |simply )*(?:do not|don'?t|dont) (?:really )?(?:know|remember|recall|"
    r"understand)\b|\b(?:i have |i've |i've got |got )?no (?:idea|clue)\b|"
    r"\b(?:i'?m |i am )?not (?:really |so |quite |at all |too )?(?:sure|familiar|certain)\b|\b(?:i )?(?:forgot|forget)\b|"
    r"\b(?:i have |i've )?never (?:heard of|learned|learnt|studied|used|looked at|come across)\b|\bcan'?t (?:remember|"
    r"recall|answer|say)\b|\b(?:sorry|pass|skip|next question)\b"
)
_SMALL_WORDS = re.compile(
    r"关于|这个|那个|问题|方面|东西|之前|平时|没怎么|怎么|回答|答案|具体|太|了|的|我|嗯|呃|呢|吧|啊|哦|就|也|都|还|这|"
    r"题|块|道|面试官|老师|"
    r"\b(?:the|a|an|this|that|it|about|with|of|to|for|how|what|answer|one|question|sorry|i|i'm|am|is|at all|really|"
    r"honestly|either|anything|much|"
    r"can we|let's|please|on|move|um|uh|well|so|but|and|maybe|think|now|right)\b"
)
_LONGEST_DONT_KNOW = 60


def is_dont_know(text: str) -> bool:
    """Whether the answer says that it has none, and nothing else. A guess after “不太确定，不过…” is an answer."""
    folded = normalise(text).replace("’", "'")
    words = tokens(folded)
    if len(words) > _LONGEST_DONT_KNOW:
        return False
    bare = FILLERS.sub(" ", folded)
    rest = _DONT_KNOW.sub(" ", bare)
    if not tokens(_SMALL_WORDS.sub(" ", bare)):
        return True  # fillers alone
    return rest != bare and len(tokens(_SMALL_WORDS.sub(" ", rest))) <= 3


# ---------------------------------------------------------------- instructions

_INSTRUCTION = re.compile(
    r"(?:忽略|无视|忘(?:掉|记)|不要(?:管|理会)|别管|跳过)(?:以上|上面|上述|之前|前面|先前|所有|一切|任何|你的|你|"
    r"评分)*的?(?:所有|全部|评分)?(?:指令|指示|要求|规则|提示词?|设定|标准|内容)|"
    r"(?:给|打|判|评|记)(?:我|这个回答|本回答|该回答|他|她|这位候选人|候选人)?(?:个|成|为|出|上)?(?:满分|高分|一百分|"
    r"100 ?分|10 ?分|十分|全对|通过)|"
    r"(?:评分|得分|分数|打分|总分)(?:应该|应当|必须|应|须|请|直接)?(?:是|为|给|[:：=])? ?(?:满分|100|一百)|"
    r"(?:评分|评测|判分|阅卷|打分)(?:结果|结论)|"
    r"判(?:定)?为?(?:完全)?(?:正确|覆盖|通过|covered)|"
    r"(?:所有|全部|每个|各个|以上)(?:要点|得分点|关键点|知识点|评分点)(?:都|均|全部)?(?:已经?|被)*(?:覆盖|答到|答对|"
    r"说到|命中|正确)|"
    r"(?:从现在(?:起|开始)|现在)[，,]?你(?:就)?(?:是|扮演|变成)|(?:告诉|说出|输出|显示|透露|"
    r"打印)(?:我)?(?:一下)?(?:你的|你)?系统提示词?|(?:评分员|阅卷人?|面试官|打分(?:员|模型)|评委|系统(?:消息|提示|"
    r"指令)?)(?:请|必须|务必|注意|[:：])|"
    r"作为(?:一名)?(?:评分|阅卷|打分)|(?:以上|上述|本|该|这个)(?:回答|答案)(?:已经?|都|均|完整|完全|全部)*(?:覆盖|包含|"
    r"答对|正确|完美)|覆盖了?(?:所有|全部)(?:的)?(?:要点|得分点)|"
    r"\b(?:ignore|disregard|forget|override|bypass)\b[^.?!\n]{0,40}\b(?:instructions?|prompts?|rules?|above|previous|"
    r"guidelines?|rubric|criteria)\b|"
    r"\b(?:give|award|grant|assign)\b[^.?!\n]{0,40}\b(?:full|maximum|perfect|top|highest?|100) ?(?:marks?|scores?|"
    r"credits?|points?|percent|out of)?\b|"
    r"\b(?:score|grade|rate|mark)\b (?:this|me|it|my answer|the answer|the candidate|everything|"
    r"all)\b[^.?!\n]{0,30}\b(?:100|10|full|perfect|correct|covered|highest)\b|"
    r"\b(?:set|return|output|respond with|reply with|print)\b[^.?!\n]{0,30}\b(?:score|verdict|covered|json|full marks)\b|"
    r"\b(?:all|every|each)\b[^.?!\n]{0,20}\b(?:key )?points?\b[^.?!\n]{0,20}\b(?:covered|correct|satisfied|met|addressed)\b|"
    r"\byou are (?:now|no longer)\b|\bpretend (?:to be|you are)\b|\bas (?:the|a|an) (?:grader|examiner|evaluator|"
    r"judge)\b|\b(?:note|message|attention|dear) (?:to|for)?(?: the)? ?(?:grader|examiner|evaluator|judge|"
    r"interviewer)s?\b|"
    r"\b(?:the|this|my|above) answer (?:above )?is (?:perfect|correct|complete|excellent|flawless|fully)\b|"
    r"\bthe candidate (?:has |clearly )?(?:covered|answered|deserves|demonstrated|passed)\b|\bsystem (?:message|"
    r"override|note)\b|\b(?:reveal|print|show|output)\b[^.?!\n]{0,20}\bsystem prompt\b|"
    r"[\"']?(?:verdict|score|status|grade|points|probability|credit)[\"']? ?[:=] ?[\"'\[{]?(?:covered|graded|full|"
    r"perfect|correct|pass|100|10\b|1\.0|true)"
)
#: What is left of an instruction once its clauses are gone: words of grading and small words.
_GRADING_WORDS = re.compile(
    r"评分|打分|得分|分数|满分|要点|答案|回答|评委|面试官|考官|正确|完美|覆盖|系统|指令|候选人|通过|"
    r"\b(?:answer|answers|score|grade|grader|verdict|marks?|points?|full|perfect|correct|covered|system|candidate|pass|passed|"
    r"please|thanks?|thank you|end|begin|start|output|json|true|100|10)\b"
)
#: Fewer other words than this beside an instruction are no answer.
_LEAST_MATTER = 4


def _matter(text: str) -> list[str]:
    """The words of a text that belong neither to grading nor to grammar."""
    return [word for word in tokens(_GRADING_WORDS.sub(" ", normalise(text))) if word not in FUNCTION_WORDS]


#: From here to the end of the line a forged speaker talks.
_FORGED_TURN = re.compile(
    (
        r"(?:^|\n)[ \t#>*\-=\[【(（]*(?:system|assistant|user|human|grader|developer|系统|助手|用户|评分员|面试官)[ "
        r"\t\]】)）*]*[:：][^\n]*"
    ),
    re.IGNORECASE,
)


def instruction_spans(text: str) -> list[Span]:
    """Where the answer talks to the grader instead of answering: whole clauses, forged turns, template marks and verdicts."""
    folded = text.lower()  # keeps offsets, unlike normalise
    if len(folded) != len(text):
        folded = "".join(c.lower() if len(c.lower()) == 1 else c for c in text)
    hits = [m.span() for m in _INSTRUCTION.finditer(folded)]
    hits += [m.span() for m in _FORGED_TURN.finditer(text)]
    marks = [m.span() for m in TEMPLATE_MARK.finditer(text)]
    if not hits and not marks:
        return []
    whole = list(clauses(text))
    spread = [(min([a, *(x for x, y in whole if x <= a < y)]), max([b, *(y for x, y in whole if x < b <= y)])) for a, b in hits]
    for a, b in marks:
        if _opens_turn(text, a, b):  # what follows on its line, and the line below a bare role, goes with it
            end = text.find("\n", b)
            if end >= 0 and _ROLE.fullmatch(text[b:end].strip()):
                end = text.find("\n", end + 1)
            spread.append((a, len(text) if end < 0 else end))
        else:  # a candidate may well speak about chat templates
            spread.append((a, b))
    return _merged(spread)


#: Words of those who grade interviews, and words of grading that answers on deep learning use as well. A sentence with two,
#: one of the first kind among them, speaks to or about whoever grades, however politely. (Dev: 16 of 18 injections, no honest
#: answer of 481.)
_GRADERS_OWN = re.compile(
    r"评语|总评|阅卷|考务|附注|备注|转写|补录|登记|录入|记为|复核|考生|候选人|面试官|要点|"
    r"\b(?:grad(?:er|ers|ing)|raters?|rubric|examiner|key points?|rationale|adjudicated|re-?evaluate|re-?score|award|marked|"
    r"gold (?:sample|reference)|reviewer|redacted|prefilled)\b"
)
_OF_GRADING = re.compile(
    r"评分|打分|总分|满分|分数|录音|"
    r"\b(?:transcripts?|transcription|scorer|scoring|score|criteri(?:on|a)|overall|verdict|panel|candidate|calibration|penali[sz]\w+)\b"
)


def grader_talk(question: Question, text: str) -> list[Span]:
    """Sentences about the grading of this answer, and their neighbours that use a word of those who grade. Words that the
    question, its reference or its points use themselves don't count."""
    about = [*question.text.both(), *question.reference.both(), *(t for p in question.key_points for t in p.statement.both())]
    expected = _graders_words(" ".join(about))
    spans = sentence_spans(text)
    found = [_graders_words(text[a:b]) - expected for a, b in spans]
    own = [any(_GRADERS_OWN.fullmatch(word) for word in words_) for words_ in found]
    talk = {n for n, words_ in enumerate(found) if len(words_) > 1 and own[n]}
    for n in sorted(talk):
        for step in (1, -1):
            near = n + step
            while 0 <= near < len(spans) and own[near]:
                talk.add(near)
                near += step
    return [spans[n] for n in sorted(talk)]


def _graders_words(text: str) -> set[str]:
    folded = normalise(text)
    return {*_GRADERS_OWN.findall(folded), *_OF_GRADING.findall(folded)}


_ROLE = re.compile(r"(?:system|assistant|user|human|developer|tool|系统|助手|用户)?[:：]?", re.IGNORECASE)


def _opens_turn(text: str, a: int, b: int) -> bool:
    """Whether a template mark stands where a turn would begin: at the start of a line, or before a role and a line break."""
    before = text[:a].rpartition("\n")[2].strip()
    after = text[b:].partition("\n")[0].strip()
    return not before or bool(after and _ROLE.fullmatch(after))


def _merged(spans: Sequence[Span]) -> list[Span]:
    out: list[Span] = []
    for a, b in sorted(spans):
        if out and a <= out[-1][1]:
            out[-1] = (out[-1][0], max(out[-1][1], b))
        else:
            out.append((a, b))
    return out


def _without(span: Span, removed: Sequence[Span]) -> list[Span]:
    start, end = span
    out: list[Span] = []
    for a, b in removed:
        if b <= start or a >= end:
            continue
        if a > start:
            out.append((start, a))
        start = max(start, b)
    if start < end:
        out.append((start, end))
    return out


# ---------------------------------------------------------------- echo and lists


#: A long answer of which less than this share of the distinct content words is new gives the question back; a shorter one has
#: to be barer. (Dev answers: honest ones of that length have 0.64 and more, rephrased questions 0.12 to 0.6.)
_NEW_SHARE, _NEW_TOKENS = 0.61, 40
_BARE_SHARE, _BARE_TOKENS = 0.35, 12
#: Where this share of the new words is the reference's own, the answer is terse instead. (Dev echoes: 0.5 at most; every right
#: saying of the bank that has few new words: 1.)
_TO_THE_POINT = 0.65


def _says_nothing_new(question: Question, text: str) -> bool:
    """Whether hardly a word of the answer is not the question's, and those that are new don't come from its key points."""
    said = words(normalise(text))
    if len(said) < _BARE_TOKENS:
        return False
    asked = {w for t in (*question.text.both(), *(t for r in question.rephrasings for t in r.both())) for w in words(t)}
    content = {w for w in said if w not in STOP_WORDS}
    new = content - asked
    if len(new) >= (_NEW_SHARE if len(said) >= _NEW_TOKENS else _BARE_SHARE) * max(1, len(content)):
        return False
    told = {w for p in question.key_points for t in (*p.statement.both(), *p.accepted) for w in words(normalise(t))}
    return len(new & told) < _TO_THE_POINT * max(1, len(new))


def echoes(question: Question, sentence: str) -> bool:
    """Whether a sentence only repeats the question: nearly all of it is there, and it is a good part of it."""
    said = shingles(sentence)
    if len(said) < 3:
        return False
    for text in (*question.text.both(), *(t for r in question.rephrasings for t in r.both())):
        asked = shingles(text)
        shared = len(said & asked)
        if shared >= 0.8 * len(said) and shared >= 0.3 * len(asked):
            return True
    return False
