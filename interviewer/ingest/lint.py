"""What is wrong, or looks wrong, with the questions of a bank that is well-formed: the rules of corpus/README.md that a
program can check.

Judges words, not truth: a wrong fact passes. Thresholds were set on the authored bank so that real leaks and repetitions
are found with few false alarms; each is explained where it stands.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from interviewer.domain.questions import LANGS, Bank, KeyPoint, Lang, LocalText, Question
from interviewer.domain.text import LATIN_WORD, chinese_share, contains_any, jaccard, normalise, shingles, tokens
from interviewer.ingest.duplicates import DuplicateFinder, Wording
from interviewer.ingest.textchecks import content_words, ends_closed

Severity = Literal["error", "warning"]

#: Spoken length of a reference answer: 60–120 s is about 200–420 Chinese characters or 110–230 English words; some slack.
#: A Latin word inside Chinese counts as one, as in speech it takes about the time of two characters.
LENGTHS: Mapping[Lang, tuple[int, int]] = {"zh": (150, 480), "en": (90, 260)}
#: Two statements of one question that share this much of their word pairs say one thing.
#: (480 pairs of the authored bank: one at 0.27, the definitions of precision and recall; all others at most 0.12.)
SAME_POINT = 0.35
#: A probe that holds this share of the content words of a statement (or of one accepted phrasing), the question's own words
#: aside, gives it away; from the lower one up it deserves a look. (406 probes of the authored bank: 2 above 0.34, 6 above 0.3.)
PROBE_SHARE, PROBE_DOUBT = 0.4, 0.34
#: The first hint may come nearer than a probe. (406 first hints: the highest has 0.36.)
HINT_SHARE = 0.45
#: Shares of fewer content words than this are chance.
MIN_WORDS = 3
#: A contrast may differ from an accepted phrasing by a “not” alone, so only near equality is reported.
SAME_WORDS = 0.9


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing to mend. `where` is `path:line`, or the question's id when its place is unknown."""

    question_id: str
    rule: str
    severity: Severity
    message: str
    where: str

    def __str__(self) -> str:
        return f"{self.where}: {self.severity}: {self.message} [{self.rule}]"


#: What a rule yields: the point it is about or None, rule, severity, message.
_Raw = tuple[KeyPoint | None, str, Severity, str]


def lint_bank(bank: Bank, locations: Mapping[str, str] | None = None) -> list[Finding]:
    """Everything worth mending, in the bank's order. `locations` as in `bankfile.LoadedBank`.

    Questions of origin `derived` may lack what a document can't give; for them only answers and repetition are checked.
    """
    places = locations or {}
    findings = []
    for question in bank:
        for rule in _COMMON if question.origin == "derived" else _COMMON + _AUTHORED:
            for point, name, severity, message in rule(question):
                key = f"{question.id}/{point.id}" if point else question.id
                where = places.get(key) or places.get(question.id, question.id)
                who = f"{question.id} / {point.id}" if point else question.id
                findings.append(Finding(question.id, name, severity, f"{who}: {message}", where))
    findings.extend(_across(bank, places))
    return findings


def lint_question(question: Question) -> list[tuple[str | None, Severity, str]]:
    """What is worth mending in one question, as (key point or None, severity, message). Of one read off a document more is
    looked at than `lint_bank` does: whoever writes probes for it wants to know whether they give the point away."""
    rules = (*_COMMON, _contrasts, _leaks) if question.origin == "derived" else _COMMON + _AUTHORED
    found = (raw for rule in rules for raw in rule(question))
    return [(point.id if point else None, severity, message) for point, _, severity, message in found]


def coverage_table(bank: Bank, lang: Lang) -> str:
    """How many questions there are by topic and level, as lines of text with aligned columns."""
    labels = ("主题", "1 级", "2 级", "3 级", "合计") if lang == "zh" else ("Topic", "Level 1", "Level 2", "Level 3", "Total")
    counts = Counter((q.topic, q.level) for q in bank)
    rows = [list(labels)]
    for topic in sorted({q.topic for q in bank}):
        levels = [counts[topic, level] for level in (1, 2, 3)]
        rows.append([bank.topic_title(topic, lang), *map(str, levels), str(sum(levels))])
    totals = [sum(counts[topic, level] for topic in {q.topic for q in bank}) for level in (1, 2, 3)]
    rows.append([labels[-1], *map(str, totals), str(len(bank))])
    widths = [max(_columns(row[i]) for row in rows) for i in range(len(labels))]
    return "\n".join("  ".join(_pad(cell, widths[i], right=i > 0) for i, cell in enumerate(row)).rstrip() for row in rows)


def _columns(text: str) -> int:
    """Width on a terminal, where a Chinese character takes two columns."""
    return sum(2 if ord(char) > 0x2E7F else 1 for char in text)


def _pad(text: str, width: int, *, right: bool) -> str:
    gap = " " * (width - _columns(text))
    return gap + text if right else text + gap


# --- rules on one question


def _answers(question: Question) -> Iterator[_Raw]:
    if not question.reference:
        yield None, "no-answer", "error", "has no reference answer"
    for lang in LANGS:
        text = getattr(question.reference, lang)
        if text and not ends_closed(text):
            yield None, "cut-off", "error", f"the {lang} reference stops in mid-sentence: “…{text.strip()[-20:]}”"


def _repeated_points(question: Question) -> Iterator[_Raw]:
    points = question.key_points
    for k, point in enumerate(points):
        for other in points[:k]:
            here, there = point.statement, other.statement
            if max(jaccard(shingles(a), shingles(b)) for a, b in ((here.zh, there.zh), (here.en, there.en))) >= SAME_POINT:
                yield point, "repeated-point", "error", f"says what the point {other.id!r} says already"
            shared = {normalise(p) for p in point.accepted} & {normalise(p) for p in other.accepted}
            for phrase in sorted(shared):
                yield point, "repeated-point", "error", f"“{phrase}” is accepted for {other.id!r} as well"


def _references(question: Question) -> Iterator[_Raw]:
    for name, ids in (("prerequisites", question.prerequisites), ("related", question.related)):
        if question.id in ids:
            yield None, "self-reference", "error", f"names itself among its {name}"


def _translations(question: Question) -> Iterator[_Raw]:
    texts: list[tuple[KeyPoint | None, str, LocalText]] = [
        (None, "text", question.text),
        (None, "reference", question.reference),
    ]
    texts += [(None, f"rephrasing {i}", text) for i, text in enumerate(question.rephrasings, 1)]
    for m in question.misconceptions:
        texts += [(None, "misconception belief", m.belief), (None, "misconception correction", m.correction)]
    for point in question.key_points:
        texts += [(point, "statement", point.statement), (point, "probe", point.probe)]
        texts += [(point, f"hint {i}", hint) for i, hint in enumerate(point.hints, 1)]
    for owner, name, text in texts:
        for lang in LANGS:
            if not getattr(text, lang):
                yield owner, "missing-text", "error", f"{name} has no {lang} text"


def _counts(question: Question) -> Iterator[_Raw]:
    if not 3 <= len(question.key_points) <= 7:
        yield None, "count", "error", f"has {len(question.key_points)} key points; 3–7 are wanted"
    if not question.rephrasings:
        yield None, "count", "error", "has no rephrasing"
    if question.level > 1 and not question.prerequisites:
        yield None, "count", "warning", "names no prerequisite; only a question of level 1 may be a starting point"
    if not question.reading:
        yield None, "no-reading", "warning", "names no work that its reference was checked against"
    if not 1 <= len(question.misconceptions) <= 3:
        yield None, "count", "warning", f"has {len(question.misconceptions)} misconceptions; 1–3 are wanted"
    for point in question.key_points:
        if not 1 <= len(point.terms) <= 4:
            yield point, "count", "warning", f"has {len(point.terms)} term groups; 1–4 are wanted"
        if len(point.hints) != 2:
            yield point, "count", "error", f"has {len(point.hints)} hints; exactly 2 are wanted"
        yield from _phrasings(point, "accepted phrasings", point.accepted, total=4)
        if not any(chinese_share(phrase) > 0 and LATIN_WORD.search(phrase) for phrase in point.accepted):
            yield point, "count", "warning", "has no accepted phrasing that mixes the languages, as people do"
        yield from _phrasings(point, "contrasts", point.contrasts, total=3)


def _phrasings(point: KeyPoint, name: str, phrases: tuple[str, ...], total: int) -> Iterator[_Raw]:
    chinese = sum(1 for phrase in phrases if chinese_share(phrase) > 0)
    english = len(phrases) - chinese
    if len(phrases) < total or chinese < 2 or english < 1:
        message = (
            f"has {len(phrases)} {name} ({chinese} Chinese, {english} English); {total} with 2 Chinese and 1 English are wanted"
        )
        yield point, "count", "error", message


def _lengths(question: Question) -> Iterator[_Raw]:
    for lang, (low, high) in LENGTHS.items():
        text = getattr(question.reference, lang)
        size = len(tokens(text))
        if text and not low <= size <= high:
            unit = "characters" if lang == "zh" else "words"
            yield None, "length", "warning", f"the {lang} reference has {size} {unit}; {low}–{high} are wanted"


def _one_question(question: Question) -> Iterator[_Raw]:
    for lang in LANGS:
        marks = sum(getattr(question.text, lang).count(mark) for mark in "?？")
        if getattr(question.text, lang) and marks != 1:
            yield None, "question-mark", "warning", f"the {lang} text has {marks} question marks; one is wanted"


def _contrasts(question: Question) -> Iterator[_Raw]:
    for point in question.key_points:
        right = [*point.accepted, *point.statement.both()]
        for contrast in point.contrasts:
            for phrase in right:
                if normalise(contrast) == normalise(phrase):
                    yield point, "contrast-is-right", "error", f"the contrast “{contrast}” is accepted as right as well"
                elif jaccard(shingles(contrast), shingles(phrase)) >= SAME_WORDS:
                    yield point, "contrast-is-right", "warning", f"the contrast “{contrast}” hardly differs from “{phrase}”"


def _leaks(question: Question) -> Iterator[_Raw]:
    asked = " ".join(question.text.both())
    shared = Counter(normalise(name) for p in question.key_points for name in {n for group in p.terms for n in group})
    for point in question.key_points:
        for lang in LANGS:
            probe = getattr(point.probe, lang)
            if term := _own_term(point, probe, asked, shared):
                severity: Severity = "error" if content_words(term) else "warning"  # “first” names nothing by itself
                yield point, "probe-leak", severity, f"the {lang} probe names “{term}”, which the answer should bring"
            share, claim = _nearest(point, probe, asked)
            if share >= PROBE_DOUBT:
                severity = "error" if share >= PROBE_SHARE else "warning"
                yield point, "probe-leak", severity, f"the {lang} probe comes too near the point (“{claim}”)"
            share, claim = _nearest(point, getattr(point.hints[0], lang) if point.hints else "", asked)
            if share >= HINT_SHARE:
                yield point, "hint-leak", "warning", f"the first {lang} hint comes too near the point (“{claim}”)"


def _own_term(point: KeyPoint, text: str, asked: str, shared: Counter[str]) -> str | None:
    """A name in `text` of a concept that belongs to this point alone and that the question itself doesn't name."""
    for group in point.terms:
        if contains_any(asked, group) or any(shared[normalise(name)] > 1 for name in group):
            continue
        for name in group:
            if text and contains_any(text, [name]):
                return name
    return None


def _nearest(point: KeyPoint, text: str, asked: str) -> tuple[float, str]:
    """The statement or accepted phrasing that `text` holds most of, and the share, 0–1, of its content words that it holds,
    the question's own words aside."""
    known = content_words(asked)
    told = content_words(text) - known
    best = (0.0, "")
    for claim in (*point.statement.both(), *point.accepted):
        needed = content_words(claim) - known
        if len(needed) >= MIN_WORDS:
            best = max(best, (len(needed & told) / len(needed), claim))
    return best


_Rules = tuple[Callable[[Question], Iterator[_Raw]], ...]
_COMMON: _Rules = (_answers, _repeated_points, _references)
_AUTHORED: _Rules = (_translations, _counts, _lengths, _one_question, _contrasts, _leaks)


# --- rules on the whole bank


#: Questions from which on a bank is expected to be balanced over its topics; a file of one's own needn't be.
_BALANCED_FROM = 30


def _across(bank: Bank, places: Mapping[str, str]) -> Iterator[Finding]:
    known = {q.id for q in bank}
    for question in bank:
        where = places.get(question.id, question.id)
        for name in (*question.prerequisites, *question.related):
            if name not in known:
                message = f"{question.id}: names the question {name!r}, which is not in the bank"
                yield Finding(question.id, "unknown-question", "warning", message, where)
    yield from _prerequisites(bank, places)
    yield from _near_duplicates(bank, places)
    levels: dict[str, set[int]] = {}
    for question in bank:
        if question.origin == "authored":
            levels.setdefault(question.topic, set()).add(question.level)
    sizes = Counter(question.topic for question in bank)
    for topic, size in sizes.items():
        if size < 3 and len(bank) >= _BALANCED_FROM:
            yield Finding("", "topics", "warning", f"the topic {topic!r} has only {size} questions", topic)
    for topic, there in levels.items():
        for level in sorted({1, 2, 3} - there):
            yield Finding("", "levels", "warning", f"the topic {topic!r} has no question of level {level}", topic)


def _prerequisites(bank: Bank, places: Mapping[str, str]) -> Iterator[Finding]:
    """Prerequisites that are harder than the question, or that lead back to it."""
    by_id = {q.id: q for q in bank}
    for question in bank:
        where = places.get(question.id, question.id)
        for name in question.prerequisites:
            if name in by_id and by_id[name].level > question.level:
                message = f"{question.id}: the prerequisite {name!r} is of a higher level"
                yield Finding(question.id, "hard-prerequisite", "warning", message, where)
        before: set[str] = set()
        todo = list(question.prerequisites)
        while todo:
            name = todo.pop()
            if name not in before and name in by_id:
                before.add(name)
                todo.extend(by_id[name].prerequisites)
        if question.id in before and question.id not in question.prerequisites:
            message = f"{question.id}: its prerequisites lead back to it"
            yield Finding(question.id, "circular-prerequisites", "error", message, where)


def _near_duplicates(bank: Bank, places: Mapping[str, str]) -> Iterator[Finding]:
    wordings = {q.id: [Wording(q.id, text) for local in (q.text, *q.rephrasings) for text in local.both()] for q in bank}
    finder = DuplicateFinder(w for group in wordings.values() for w in group)
    for question in bank:
        twin = next((found for w in wordings[question.id] if (found := finder.first_like(w))), None)
        if twin:
            message = f"{question.id}: asks the same as {twin.owner} (“{twin.text}”)"
            yield Finding(question.id, "duplicate", "error", message, places.get(question.id, question.id))
        for wording in wordings[question.id]:
            finder.add(wording)
