"""Simulated candidates: people of known skill who answer in the words of labelled answers.

What a candidate believes about each key point is drawn from its skill by a hash, so that it never depends on what was asked
before. Its first answer is the labelled answer nearest to that, and its beliefs are then made to agree with what it said: the
labels say what is true of it. Where every labelled answer is further from its mind than silence, it puts sentences of several
together. Follow-ups are answered with sentences of other labelled answers, never with a phrasing that the grader was
given, as long as there are any. Knows nothing of how an interview is led or graded.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from evals.labelled import NO_ANSWER, Labelled
from interviewer.dialogue.intent import recognise
from interviewer.domain.questions import Bank, KeyPoint, Lang, Question
from interviewer.domain.text import chinese_share, jaccard, sentences, shingles, tokens
from interviewer.domain.transcript import TurnKind
from interviewer.ingest.textchecks import content_words

#: Languages of rows that are said in an interview of each language.
_SPOKEN_IN: Mapping[Lang, frozenset[str]] = {"zh": frozenset({"zh", "mixed"}), "en": frozenset({"en"})}
#: A question takes part in a language with at least so many answers to choose from.
MIN_ANSWERS = 2
#: Chance that a candidate of skill 0 believes something wrong about a point that it doesn't know; it falls to 0 with skill.
MISCONCEPTIONS = 0.5
#: A sentence belongs to a point when it shares words worth this much with its statement and terms (a word counts one divided by
#: the number of the question's points that use it), and this many times what it shares with any other point.
#: (Of 56 sentences read, 5 said half of the point only, or something else.)
_ALIGNED, _MARGIN = 2.0, 1.6
#: Sentences this near to a phrasing the grader was given are not held out.
_GIVEN = 0.5
_LONGEST_LINE = 150  # tokens
#: Share of what it has in mind that a candidate says unasked, in an answer put together from sentences.
UNPROMPTED = 0.6
#: What a first answer costs, per weight, by what the candidate believes of a point and what the answer does with it. Claiming
#: what one doesn't know is least like oneself; leaving out what one knows is what follow-ups are for.
_COST: Mapping[str, Mapping[int, float]] = {
    "knows": {2: 0.0, 1: 0.5, 0: 1.0, -1: 3.0},
    "wrong": {2: 3.0, 1: 1.0, 0: 0.5, -1: 0.0},
    "blank": {2: 3.0, 1: 1.0, 0: 0.0, -1: 1.5},
}

_DONT_KNOW: Mapping[Lang, tuple[str, ...]] = {
    "zh": ("这个我不太清楚。", "不知道。", "想不起来了。"),
    "en": ("I don't know.", "I'm not sure about that.", "I have no idea, sorry."),
}
_OPENERS: Mapping[Lang, tuple[str, ...]] = {
    "zh": ("我的理解是，", "我觉得吧，", "应该是这样的，"),
    "en": ("As I understand it, ", "Well, I think ", "The way I see it, "),
}


class Belief(StrEnum):
    """What a candidate has in mind about a key point."""

    KNOWS = "knows"
    WRONG = "wrong"
    BLANK = "blank"


class Wording(StrEnum):
    """Where a candidate's words come from."""

    ANSWER = "labelled answer"
    SENTENCES = "sentences put together"
    HELD_OUT = "held-out sentence"
    STATEMENT = "statement re-voiced"
    CONTRAST = "bank's contrast"
    NOTHING = "don't know"


@dataclass(frozen=True, slots=True)
class Line:
    """Something said about one point. `row` is the labelled answer it was taken from."""

    row: str
    text: str


@dataclass(frozen=True, slots=True)
class Reply:
    """What a candidate says, where the words come from, and what it does with points (labels as in the dataset)."""

    text: str
    wording: Wording
    labels: Mapping[str, int]

    @property
    def meant(self) -> TurnKind:
        """What the interviewer should take it for."""
        return TurnKind.DONT_KNOW if self.wording is Wording.NOTHING else TurnKind.ANSWER


class AnswerBook:
    """Labelled answers by question, and the sentences in them that state a point, rightly or wrongly."""

    def __init__(self, rows: Sequence[Labelled]) -> None:
        self._answers: dict[str, list[Labelled]] = defaultdict(list)
        self._lines: dict[tuple[str, str, int, Lang], list[Line]] = defaultdict(list)
        for row in rows:
            if row.kind in NO_ANSWER:  # a candidate with nothing to say says so
                continue
            self._answers[row.question.id].append(row)
            if row.kind == "asr":  # mostly without the marks that end a sentence
                continue
            lang: Lang = "en" if row.lang == "en" else "zh"
            for point_id, text in _said_about(row):
                self._lines[row.question.id, point_id, row.labels[point_id], lang].append(Line(row.id, text))

    def answers(self, question_id: str, lang: Lang) -> list[Labelled]:
        """Whole answers one may give in that language."""
        return [row for row in self._answers[question_id] if row.lang in _SPOKEN_IN[lang]]

    def lines(self, question_id: str, point_id: str, label: int, lang: Lang, besides: str = "") -> list[Line]:
        """Sentences that state the point (label 2) or state it wrongly (−1), from other rows than `besides`."""
        return [line for line in self._lines[question_id, point_id, label, lang] if line.row != besides]

    def bank(self, bank: Bank, lang: Lang) -> Bank:
        """The questions that candidates can answer in that language."""
        chosen = tuple(q for q in bank if len(self.answers(q.id, lang)) >= MIN_ANSWERS)
        return Bank(chosen, {topic: title for topic, title in bank.topics.items() if any(q.topic == topic for q in chosen)})


def _said_about(row: Labelled) -> Iterator[tuple[str, str]]:
    """(point, the words that are about it) for points the row states or gets wrong."""
    spans = [row.answer[a:b] for a, b in sentences(row.answer)]
    spans = [text for text in spans if recognise(text) is TurnKind.ANSWER]
    about = [point_id for point_id, label in row.labels.items() if label]
    if len(about) == 1 and row.labels[about[0]] != 1:  # all there is in it
        text = _joined(spans, row.lang)
        if _held_out(row.question.point(about[0]), text):
            yield about[0], text
        return
    found: dict[str, list[str]] = defaultdict(list)
    for text in spans:
        point = _subject(row.question, text)
        if point is not None and row.labels[point.id] in (2, -1):
            found[point.id].append(text)
    for point_id, texts in found.items():
        text = _joined(texts, row.lang)
        if _held_out(row.question.point(point_id), text):
            yield point_id, text


def _joined(texts: Sequence[str], lang: str) -> str:
    return (" " if lang == "en" else "").join(texts)


def _held_out(point: KeyPoint, text: str) -> bool:
    size = len(tokens(text))
    given = (*point.statement.both(), *point.accepted, *point.contrasts)
    return 4 <= size <= _LONGEST_LINE and all(jaccard(shingles(text), shingles(phrase)) < _GIVEN for phrase in given)


def _subject(question: Question, sentence: str) -> KeyPoint | None:
    """The one point a sentence is about; None when it could be several or none."""
    asked = content_words(" ".join(question.text.both()))
    vocabulary = {
        point.id: content_words(" ".join((*point.statement.both(), *(n for group in point.terms for n in group)))) - asked
        for point in question.key_points
    }
    shared = Counter(word for known in vocabulary.values() for word in known)
    said = content_words(sentence)
    worth = {name: sum(1 / shared[word] for word in said & known) for name, known in vocabulary.items()}
    first, *others = sorted(question.key_points, key=lambda p: -worth[p.id])
    rival = worth[others[0].id] if others else 0.0
    return first if worth[first.id] >= _ALIGNED and worth[first.id] >= _MARGIN * rival else None


def chance(*key: object) -> float:
    """A number in [0, 1) that depends on the key alone."""
    digest = hashlib.sha256("/".join(map(str, key)).encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


class Candidate:
    """One person in one interview. `skill` 0–1 is the chance to know any key point; with `held_out_only`, any that somebody
    else's words state: such a candidate never says a statement of the bank."""

    def __init__(
        self, name: str, skill: float, lang: Lang, book: AnswerBook, seed: int, *, held_out_only: bool = False
    ) -> None:
        self.name, self.skill, self.lang, self._held_out_only = name, skill, lang, held_out_only
        self._book, self._seed = book, seed
        self._beliefs: dict[str, dict[str, Belief]] = {}
        self._said: dict[str, dict[str, int]] = {}
        self._first: dict[str, str] = {}
        #: Points whose belief had to follow the labelled answer, and all points thought of.
        self.revised, self.points = 0, 0
        self._replies = 0

    def beliefs(self, question: Question) -> dict[str, Belief]:
        """What it has in mind, by point."""
        if question.id not in self._beliefs:
            self._beliefs[question.id] = {p.id: self._drawn(question, p) for p in question.key_points}
        return self._beliefs[question.id]

    def said(self, question: Question) -> dict[str, int]:
        """What it has said so far, by point: 2 stated, 1 touched, 0 not, −1 wrongly."""
        return self._said.setdefault(question.id, dict.fromkeys((p.id for p in question.key_points), 0))

    def knows(self, question: Question) -> float:
        """Share of the question's weight that it knows, 0–1."""
        beliefs = self.beliefs(question)
        return _share(question, {p: float(b is Belief.KNOWS) for p, b in beliefs.items()})

    def showed(self, question: Question) -> float:
        """Share of the question's weight that it has said, 0–1; touched points count half, as in the dataset."""
        return _share(question, {p: max(label, 0) / 2 for p, label in self.said(question).items()})

    def answer(self, question: Question) -> Reply:
        """The first answer to a question."""
        beliefs = self.beliefs(question)
        rows = self._book.answers(question.id, self.lang)
        nothing = dict.fromkeys(beliefs, 0)
        best = min(rows, key=lambda row: (self._cost(question, row.labels), self._toss(question.id, row.id)), default=None)
        self.points += len(beliefs)
        if best is None or self._cost(question, best.labels) >= self._cost(question, nothing):
            return self._put_together(question)
        for point_id, label in best.labels.items():
            implied = {2: Belief.KNOWS, -1: Belief.WRONG}.get(label, beliefs[point_id])
            self.revised += implied is not beliefs[point_id]
            beliefs[point_id] = implied
        self._first[question.id] = best.id
        return self._say(question, Reply(best.answer, Wording.ANSWER, best.labels))

    def about(self, question: Question, point_id: str) -> Reply:
        """The answer to a follow-up or hint that is aimed at a point."""
        belief = self.beliefs(question)[point_id]
        if belief is Belief.BLANK:
            return self._nothing()
        label = 2 if belief is Belief.KNOWS else -1
        line = self._line(question, point_id, label)
        if line is not None:
            return self._say(question, Reply(line, Wording.HELD_OUT, {point_id: label}))
        point = question.point(point_id)
        if belief is Belief.KNOWS and self._held_out_only:
            return self._nothing()
        if belief is Belief.KNOWS:
            text = self._one_of(_OPENERS[self.lang], question.id, point_id) + _lower_first(point.statement.get(self.lang))
            return self._say(question, Reply(text, Wording.STATEMENT, {point_id: 2}))
        contrasts = [c for c in point.contrasts if (chinese_share(c) > 0) == (self.lang == "zh")]
        if not contrasts:
            return self._nothing()
        return self._say(question, Reply(self._one_of(contrasts, question.id, point_id), Wording.CONTRAST, {point_id: -1}))

    def more(self, question: Question) -> Reply:
        """The answer to "anything else?", or to being sent back to the question: the heaviest point not said yet."""
        said, beliefs = self.said(question), self.beliefs(question)
        left = [p for p in question.key_points if beliefs[p.id] is Belief.KNOWS and said[p.id] < 2]
        return self.about(question, max(left, key=lambda p: p.weight).id) if left else self._nothing()

    def _put_together(self, question: Question) -> Reply:
        """Some of what it has in mind, a sentence or two for each point."""
        labels, texts = {}, []
        for point_id, belief in self.beliefs(question).items():
            label = {Belief.KNOWS: 2, Belief.WRONG: -1}.get(belief, 0)
            line = self._line(question, point_id, label) if label else None
            if line is not None and self._toss("unprompted", question.id, point_id) < UNPROMPTED:
                labels[point_id] = label
                texts.append(line)
        if not texts:
            return self._nothing()
        return self._say(question, Reply(_joined(texts, self.lang), Wording.SENTENCES, labels))

    def _line(self, question: Question, point_id: str, label: int) -> str | None:
        lines = self._book.lines(question.id, point_id, label, self.lang, besides=self._first.get(question.id, ""))
        return min(lines, key=lambda line: self._toss(question.id, point_id, line.row), default=Line("", "")).text or None

    def _drawn(self, question: Question, point: KeyPoint) -> Belief:
        sayable = not self._held_out_only or self._book.lines(question.id, point.id, 2, self.lang)
        if sayable and self._toss("knows", question.id, point.id) < self.skill:
            return Belief.KNOWS
        mistaken = self._toss("wrong", question.id, point.id) < MISCONCEPTIONS * (1 - self.skill)
        return Belief.WRONG if mistaken else Belief.BLANK

    def _cost(self, question: Question, labels: Mapping[str, int]) -> float:
        beliefs = self.beliefs(question)
        return sum(p.weight * _COST[beliefs[p.id].value][labels[p.id]] for p in question.key_points)

    def _nothing(self) -> Reply:
        self._replies += 1
        return Reply(self._one_of(_DONT_KNOW[self.lang], self._replies), Wording.NOTHING, {})

    def _say(self, question: Question, reply: Reply) -> Reply:
        self.said(question).update(reply.labels)
        return reply

    def _toss(self, *key: object) -> float:
        return chance(self._seed, self.name, *key)

    def _one_of(self, texts: Sequence[str], *key: object) -> str:
        return texts[int(self._toss("wording", *key) * len(texts))]


def _share(question: Question, credit: Mapping[str, float]) -> float:
    return sum(p.weight * credit[p.id] for p in question.key_points) / sum(p.weight for p in question.key_points)


def _lower_first(text: str) -> str:
    """Text as it goes on in mid-sentence; abbreviations keep their capitals."""
    return text[:1].lower() + text[1:] if text[1:2].islower() else text
