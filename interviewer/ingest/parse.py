"""Question documents (Markdown or text) → questions with their answers, as they stand in the document.

Works out first how the document marks its questions (headings, `Q:` labels or numbers) and then cuts it there, so that the
numbered lists and headings inside an answer are no questions. Does not judge, rewrite or compare what it finds.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from interviewer.ingest.documents import Document
from interviewer.ingest.labels import Label, asks, bare, find_label, find_number, plain
from interviewer.ingest.lines import Line, LineKind, classify_lines
from interviewer.ingest.tables import Row, table_rows
from interviewer.ingest.textchecks import ends_closed, ends_open

_LIST_MARK = re.compile(r"^\s*(?:[-*+]|\d{1,9}[.)])\s+")
#: Words by which a document without question marks and answer labels says that its numbered headings are questions.
_SAYS_QUESTIONS = re.compile(r"面试|题库|问答|问题|interview|question|Q\s?&\s?A", re.IGNORECASE)
#: Ways to begin a question, the likeliest first. `asking`: a list item or an emphasised line that ends with a question mark.
_FORMS = ("heading", "label", "number", "asking")
_EMPHASISED = re.compile(r"^\s*(?:\*\*|__).*(?:\*\*|__)\s*$")
#: Prose shorter than this may be a name or a formula and need no full stop.
_PROSE = 12


@dataclass(frozen=True, slots=True)
class RawQuestion:
    """A question as a document has it. Texts are Markdown; `answer` and `explanation` are empty where there is none.

    `number` is the document's own, or the position where the document's numbers are missing or repeat. `title` is the heading
    when the question stands in words of its own below it; `context` what is said between the two. `line` counts from 1;
    `start` and `end` are offsets into the document's text. `truncated`: the text stops in mid-sentence.
    """

    number: int
    text: str
    answer: str
    explanation: str
    line: int
    start: int
    end: int
    truncated: bool = False
    title: str = ""
    context: str = ""
    code_blocks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class _Start:
    """A line that may begin a question. Lines of one `form` look alike: one of _FORMS and a heading's level."""

    at: int
    form: tuple[str, int]
    number: int | None
    text: str
    explicit: bool


@dataclass(frozen=True, slots=True)
class ParsedDocument:
    """A document's questions in its order; the heading above the first one, if any; and (line, number) of questions whose
    number an earlier one has already, in which case all are counted through."""

    questions: tuple[RawQuestion, ...] = ()
    title: str = ""
    repeated_numbers: tuple[tuple[int, int], ...] = ()


def parse_document(doc: Document) -> list[RawQuestion]:
    """The document's questions in its order. An empty list when none can be made out."""
    return list(parse_whole(doc).questions)


def parse_whole(doc: Document) -> ParsedDocument:
    """The document's questions and what else the parser learnt about it. Never raises, whatever the text is."""
    lines = classify_lines(doc.text)
    labels = _labels(lines)
    starts = _choose(lines, labels, _says_questions(doc, lines))
    rows = [_from_row(row, n) for n, row in enumerate(table_rows(lines), 1)]
    if len(rows) >= max(1, len(starts)):  # the table is the document; headings around it are chapters
        return ParsedDocument(tuple(rows), _title(lines))
    found = []
    for k, (start, number) in enumerate(zip(starts, _numbers(starts), strict=True)):
        question = _cut(lines, labels, start, _end(lines, labels, starts, k), number)
        text = question.explanation or question.answer
        found.append(replace(question, truncated=bool(text) and _cut_off(text, last=k == len(starts) - 1)))
    head = lines[: starts[0].at] if starts else lines
    return ParsedDocument(tuple(found), _title(head), tuple(_repeated_numbers(lines, starts)))


def _title(lines: Sequence[Line]) -> str:
    return next((plain(line.text) for line in lines if line.kind is LineKind.HEADING), "")


def _from_row(row: Row, number: int) -> RawQuestion:
    return RawQuestion(
        number=number,
        text=plain(row.question),
        answer=row.answer,
        explanation=row.explanation,
        line=row.line.number,
        start=row.line.start,
        end=row.line.start + len(row.line.raw),
        truncated=ends_open(row.explanation or row.answer),
    )


def _says_questions(doc: Document, lines: Sequence[Line]) -> bool:
    head = next((line.text for line in lines if line.kind is not LineKind.BLANK), "")
    return bool(_SAYS_QUESTIONS.search(f"{doc.name.replace('_', ' ')} {head}"))


def _labels(lines: Sequence[Line]) -> dict[int, Label]:
    """The field labels by line index. Those inside lists count only when the document has no others: `- **问题：** …` is
    more often a point of an answer than a question."""
    outside: dict[int, Label] = {}
    inside: dict[int, Label] = {}
    for i, line in enumerate(lines):
        if line.kind in (LineKind.TEXT, LineKind.HEADING):
            if label := find_label(line.text, heading=line.kind is LineKind.HEADING):
                outside[i] = label
        elif line.kind is LineKind.LIST and (label := find_label(_LIST_MARK.sub("", line.raw))):
            inside[i] = label
    return outside or inside


# --- which lines begin a question


def _candidates(lines: Sequence[Line], labels: dict[int, Label]) -> list[_Start]:
    found = []
    for i, line in enumerate(lines):
        label = labels.get(i)
        if line.kind is LineKind.HEADING:
            if label and label.field == "question" and (label.rest or label.number is not None):
                found.append(_Start(i, ("heading", line.level), label.number, plain(label.rest), True))
            elif not label:
                number = find_number(line.text)
                text = number[1] if number else plain(line.text)
                explicit = number is not None or asks(line.text)
                found.append(_Start(i, ("heading", line.level), number[0] if number else None, text, explicit))
        elif label:
            if label.field == "question":
                found.append(_Start(i, ("label", 0), label.number, plain(label.rest), True))
        elif line.kind is LineKind.TEXT or (line.item and line.depth == 1):
            number = find_number(line.raw.strip())
            if number and number[0] is not None:
                inner = find_label(number[1])
                text = inner.rest if inner and inner.field == "question" else number[1]
                found.append(_Start(i, ("number", 0), number[0], plain(text), asks(line.text)))
            elif asks(line.text) and (line.item or _EMPHASISED.match(line.raw)):
                found.append(_Start(i, ("asking", 0), None, plain(_LIST_MARK.sub("", line.raw)), True))
    return found


def _choose(lines: Sequence[Line], labels: dict[int, Label], says_questions: bool) -> list[_Start]:
    """The starts of the form that best explains the document's answers; ties go by the order of _FORMS."""
    candidates = _candidates(lines, labels)
    by_form: dict[tuple[str, int], list[_Start]] = {}
    for start in candidates:
        by_form.setdefault(start.form, []).append(start)
    heading_at = [c.at for c in candidates if c.form[0] == "heading"]
    best: list[_Start] = []
    best_rank = (0, 0, 0)
    for form, starts in by_form.items():
        rivals = heading_at if form[0] == "heading" else sorted([*heading_at, *(s.at for s in starts)])
        answered = _answered(labels, starts, rivals)
        kept = _kept(starts, answered, says_questions)
        rank = (
            sum(1 for s in kept if s.at in answered or s.explicit),
            -_FORMS.index(form[0]),
            -form[1],
        )
        if kept and rank > best_rank:
            best, best_rank = kept, rank
    return _with_second_questions(labels, best) if best and best[0].form[0] == "heading" else best


def _answered(labels: dict[int, Label], starts: Sequence[_Start], rivals: Sequence[int]) -> set[int]:
    """The starts (by line index) that an answer label follows before the next rival."""
    marks = [i for i, label in labels.items() if label.field != "question"]
    found, m, r = set(), 0, 0
    for start in starts:
        while r < len(rivals) and rivals[r] <= start.at:
            r += 1
        while m < len(marks) and marks[m] <= start.at:
            m += 1
        if m < len(marks) and (r == len(rivals) or marks[m] < rivals[r]):
            found.add(start.at)
    return found


def _kept(starts: Sequence[_Start], answered: set[int], says_questions: bool) -> list[_Start]:
    """Those of one form that are questions."""
    if not starts:
        return []
    form = starts[0].form[0]
    labelled = len(answered) * 2 >= sum(1 for s in starts if s.explicit)
    if form == "number":
        kept: list[_Start] = []
        for start in starts:
            follows = not kept or start.number == (kept[-1].number or 0) + 1
            if start.at in answered or (start.explicit and (follows or not answered)):
                kept.append(start)
        return kept
    kept = [s for s in starts if s.explicit or s.at in answered]
    if form == "heading":
        numbered = [s for s in kept if s.number is not None]
        if len(numbered) * 2 > len(kept):  # among numbered questions a heading without a number is a chapter or a title
            kept = [s for s in kept if s.number is not None or (labelled and s.at in answered)]
        if not answered and not any(s.text.endswith(("?", "？")) for s in kept) and not says_questions:
            return []  # numbered chapters of an ordinary text
    return kept


def _with_second_questions(labels: dict[int, Label], starts: list[_Start]) -> list[_Start]:
    """Adds the question labels below a heading that come after an answer and have an answer of their own."""
    heads = {s.at for s in starts}
    extra, pending, answered = [], -1, False
    for i in sorted({*labels, *heads}):
        if i in heads:
            pending, answered = -1, False
        elif labels[i].field == "question":
            pending = i if answered else -1
        elif labels[i].field == "answer":
            if pending >= 0:
                label = labels[pending]
                extra.append(_Start(pending, ("label", 0), label.number, plain(label.rest), True))
                pending = -1
            answered = True
    return sorted([*starts, *extra], key=lambda s: s.at)


def _end(lines: Sequence[Line], labels: dict[int, Label], starts: Sequence[_Start], k: int) -> int:
    """The line index where question `k` ends: the next question, or a heading that is no part of it."""
    start = starts[k]
    stop = starts[k + 1].at if k + 1 < len(starts) else len(lines)
    deepest = start.form[1] if start.form[0] == "heading" else 6
    for i in range(start.at + 1, stop):
        if lines[i].kind is LineKind.HEADING and lines[i].level <= deepest and i not in labels:
            return i
    return stop


def _numbers(starts: Sequence[_Start]) -> list[int]:
    own = [s.number for s in starts]
    if None not in own and len(set(own)) == len(own):
        return [n for n in own if n is not None]
    return list(range(1, len(starts) + 1))


def _repeated_numbers(lines: Sequence[Line], starts: Sequence[_Start]) -> Iterator[tuple[int, int]]:
    seen: set[int] = set()
    for start in starts:
        if start.number is not None:
            if start.number in seen:
                yield lines[start.at].number, start.number
            seen.add(start.number)


# --- what belongs to one question


def _cut(lines: Sequence[Line], labels: dict[int, Label], start: _Start, end: int, number: int) -> RawQuestion:
    has_answer = any(labels[i].field != "question" for i in range(start.at + 1, end) if i in labels)
    fields: dict[str, list[str]] = {"lead": [], "question": [], "answer": [], "explanation": []}
    now = "lead" if start.form[0] == "heading" and start.text else "question"
    if now == "question":
        fields["question"].append(start.text)
    code: list[str] = []
    for i in range(start.at + 1, end):
        line = lines[i]
        label = labels.get(i)
        if label and not (label.field == "question" and fields["answer"]):  # “问题：” in an answer is a part of it
            now = label.field
            fields[now].append(label.rest)
            continue
        if line.kind is LineKind.RULE:
            continue
        if line.kind is LineKind.CODE:
            code.append(line.raw)
        if not has_answer and _answer_begins(lines, i, now, start.text, fields["question"]):
            now = "answer"
        marked = line.kind in (LineKind.CODE, LineKind.TABLE, LineKind.LIST)
        fields[now].append(line.raw if marked else bare(line.raw))
    texts = {name: textwrap.dedent("\n".join(part)).strip("\n").rstrip() for name, part in fields.items()}
    own = plain(" ".join(texts["question"].split()))
    answer, explanation = texts["answer"].strip(), texts["explanation"].strip()
    if not answer:
        answer, explanation = explanation, ""  # documents that give their answers under 解析 alone
    title = start.text if start.form[0] == "heading" else ""
    stop = lines[end].start if end < len(lines) else lines[-1].start + len(lines[-1].raw)
    return RawQuestion(
        number=number,
        text=own or title,
        answer=answer,
        explanation=explanation,
        line=lines[start.at].number,
        start=lines[start.at].start,
        end=stop,
        title=title if own else "",
        context=texts["lead"].strip(),
        code_blocks=_fences(code),
    )


def _answer_begins(lines: Sequence[Line], i: int, now: str, title: str, asked: Sequence[str]) -> bool:
    """Whether, in a question without answer labels, the answer begins at line `i`: below the heading, or after the question's
    own paragraph."""
    if now == "lead":
        return bool(title)
    if now != "question" or not "".join(asked).strip():
        return False
    return lines[i].kind is not LineKind.TEXT or lines[i - 1].kind is LineKind.BLANK or asks(asked[-1])


def _fences(raw: Sequence[str]) -> tuple[str, ...]:
    """The contents of fenced blocks from their lines, fences included."""
    blocks: list[list[str]] = []
    inside = False
    for line in raw:
        if re.match(r"^\s*(```|~~~)", line):
            inside = not inside
            if inside:
                blocks.append([])
        elif inside:
            blocks[-1].append(line)
    return tuple("\n".join(block) for block in blocks if block)


# --- cut off or whole


def _cut_off(text: str, *, last: bool) -> bool:
    """Whether a text stops in mid-sentence.

    In the middle of a document only an open end (a comma, a colon) counts; at its end a missing full stop does as well, unless
    the list it ends has none anywhere.
    """
    lines = [line for line in text.split("\n") if line.strip()]
    fences = sum(1 for line in lines if re.match(r"^\s*(```|~~~)", line))
    if fences % 2:
        return last
    final = lines[-1]
    if re.match(r"^\s*(```|~~~|\|)", final) or final.rstrip().endswith("|"):
        return False
    if ends_open(final):
        return True
    if not last or ends_closed(final):
        return False
    items = [line for line in lines if _LIST_MARK.match(line)]
    if final in items:
        others = [ends_closed(item) for item in items if item is not final]
        return bool(others) and sum(others) * 2 >= len(others)
    return len(plain(final)) >= _PROSE
