"""Figures, tables and charts of the retrieval task, from where each ranker put each query's question.

Every question counts once, however many queries it has, and intervals are from resampling questions, since the queries of one
question stand or fall together. Knows nothing of passages, indexes and encoders.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evals.results import Bar, Chart, Table

SPLITS = ("dev", "test")
QUERY_LANGS = ("zh", "en", "mixed")
KINDS = ("paraphrase", "recognition", "terse", "scenario")
METRICS = ("recall@1", "recall@5", "mrr")
RESAMPLES = 1000
#: Misses listed in the report, so that a look at it stays a look.
SHOWN_MISSES = 40

#: Place of the right question among the questions found; None when it is not among them.
Rank = int | None


@dataclass(frozen=True, slots=True)
class Query:
    """Something to search, and the question that it is about. `lang` is zh, en or mixed."""

    text: str
    lang: str
    kind: str
    question_id: str
    split: str


@dataclass(frozen=True, slots=True)
class Score:
    """Means over queries, each question counting once. `intervals` (95 %) and `errors` (standard) go with `METRICS`."""

    queries: int
    recall1: float
    recall5: float
    mrr: float
    intervals: tuple[tuple[float, float], ...]
    errors: tuple[float, ...]

    @property
    def values(self) -> tuple[float, float, float]:
        return self.recall1, self.recall5, self.mrr


@dataclass(frozen=True, slots=True)
class Outcome:
    """Where one ranker put the right question for one query, and which question it put first (empty: it found none)."""

    ranker: str
    mode: str
    query: Query
    rank: Rank
    first: str


@dataclass(frozen=True, slots=True)
class Slice:
    """The score of one ranker on the queries of one split, language and kind; `all` stands for every one."""

    ranker: str
    mode: str
    split: str
    lang: str
    kind: str
    score: Score

    @property
    def name(self) -> str:
        return ".".join((self.ranker, self.mode, self.split, self.lang if self.kind == "all" else self.kind))

    @property
    def gated(self) -> bool:
        """Whether a baseline holds it: over the bank test's languages and recognition errors too, elsewhere test as a whole."""
        if self.split == "test" and self.mode in ("bank", "documents"):
            return self.kind in ("all", "recognition")
        return self.lang == self.kind == "all" and (self.split == "test" or self.mode == "bank")


def summarise(ranks: Sequence[tuple[str, Rank]], seed: int) -> Score:
    """Scores of (question, rank) pairs, averaged within questions, then over them; intervals by resampling questions."""
    import numpy as np

    groups: dict[str, list[Rank]] = {}
    for question_id, rank in ranks:
        groups.setdefault(question_id, []).append(rank)
    table = np.array([np.mean([(r == 1, bool(r and r <= 5), 1 / r if r else 0.0) for r in g], axis=0) for g in groups.values()])
    recall1, recall5, mrr = (float(mean) for mean in table.mean(axis=0))
    draws = np.random.default_rng(seed).integers(0, len(table), size=(RESAMPLES, len(table)))
    means = table[draws].mean(axis=1)
    intervals = tuple((float(low), float(high)) for low, high in np.percentile(means, [2.5, 97.5], axis=0).T)
    return Score(len(ranks), recall1, recall5, mrr, intervals, tuple(float(error) for error in means.std(axis=0)))


def slices(outcomes: Sequence[Outcome], seed: int) -> Iterator[Slice]:
    """A score for each ranker, mode and split: over all queries, each language and each kind that occurs."""
    groups: dict[tuple[str, str, str], list[Outcome]] = {}
    for split in reversed(SPLITS):
        for outcome in outcomes:
            if outcome.query.split == split:
                groups.setdefault((outcome.ranker, outcome.mode, split), []).append(outcome)
    for (ranker, mode, split), group in groups.items():
        langs = [lang for lang in QUERY_LANGS if any(o.query.lang == lang for o in group)]
        parts = [("all", "all"), *((lang, "all") for lang in langs if len(langs) > 1), *(("all", kind) for kind in KINDS)]
        for lang, kind in parts:
            chosen = [o for o in group if lang in ("all", o.query.lang) and kind in ("all", o.query.kind)]
            if chosen:
                score = summarise([(o.query.question_id, o.rank) for o in chosen], seed)
                yield Slice(ranker, mode, split, lang, kind, score)


_TITLES = {
    "bank": "All queries over the whole bank",
    "english": "English queries over the bank's English question texts and statements",
    "cross": "Chinese queries over English passages, and English ones over Chinese",
    "documents": "All queries over the documents given",
}


def tables(slices: Sequence[Slice]) -> Iterator[Table]:
    """One for each mode and split, test first."""
    for mode, title in _TITLES.items():
        for split in reversed(SPLITS):
            chosen = [s for s in slices if (s.mode, s.split) == (mode, split)]
            rows = [_row(s) for s in chosen]
            if rows:
                yield Table(f"{title}, {split}", ("ranker", "query", "kind", "queries", *METRICS), tuple(rows))


def _row(s: Slice) -> tuple[str | int, ...]:
    bounded = zip(s.score.values, s.score.intervals, strict=True)
    cells = (f"{value:.3f} ({low:.2f}–{high:.2f})" for value, (low, high) in bounded)
    return (s.ranker, s.lang, s.kind, s.score.queries, *cells)


def misses(outcomes: Sequence[Outcome]) -> Table:
    """Dev queries whose question the fusion doesn't put among the first five. Test's aren't shown, lest somebody mend them."""
    shown = [o for o in outcomes if (o.ranker, o.mode, o.query.split) == ("fusion", "bank", "dev")]
    missed = [o for o in shown if o.rank is None or o.rank > 5]
    rows = tuple((o.query.text, o.query.question_id, o.rank, o.first) for o in missed[:SHOWN_MISSES])
    return Table(f"Dev queries missed by the fusion ({len(missed)})", ("query", "question", "rank", "found first"), rows)


def charts(slices: Sequence[Slice]) -> tuple[Chart, ...]:
    bars: dict[str, list[Bar]] = {}
    for s in slices:
        if s.split == "test" and (s.kind == "all" if s.mode == "bank" else s.lang == s.kind == "all"):
            title = f"MRR, {_TITLES[s.mode]}, test" + (f", {s.lang}" if s.mode == "bank" else "")
            bars.setdefault(title, []).append(Bar(s.ranker, s.score.mrr, *s.score.intervals[METRICS.index("mrr")]))
    return tuple(Chart(title, tuple(group)) for title, group in bars.items())


def explanation(queries: Sequence[Query]) -> str:
    counts = {split: sum(query.split == split for query in queries) for split in SPLITS}
    questions = {split: len({query.question_id for query in queries if query.split == split}) for split in SPLITS}
    sizes = " and ".join(f"{counts[split]} queries on {questions[split]} questions ({split})" for split in SPLITS)
    return (
        f"{sizes}; no question is in both. Passages are ranked, and a question stands where its best passage stands. Every "
        "question counts once, however many queries it has. In brackets: 95 % intervals from resampling questions.\n\n"
        "A query is mixed when it holds both Chinese and Latin words. Kinds: the question in other words (paraphrase), "
        "as a speech recogniser might hand it over (recognition), a few key words (terse), a situation that calls for it "
        "(scenario).\n\n"
        "MiniLM was trained on English, so all rankers are also compared on the bank's English question texts and statements "
        "alone (the references say the same at greater length, and embedding them would take most of the task's time).\n\n"
        "Over documents a question is found when a passage stands under the heading number that the bank names as its source. "
        "Noise of a figure is its standard error under resampling of questions."
    )
