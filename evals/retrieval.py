"""How often the index finds the right question's passages: Recall@1, Recall@5 and MRR, within and across languages.

Queries are the bank's rephrasings and the accepted sayings of its key points; what is searched are the question texts,
references and statements. No query is in the index or in what the encoder is fitted on. Intervals are from resampling
questions, since the queries of one question stand or fall together.
"""

from __future__ import annotations

import re
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evals.results import Bar, Chart, Result, Section, Table, dataset_hash
from interviewer.domain.questions import LANGS, Bank, Passage
from interviewer.domain.text import CJK_RUN, LATIN_WORD

if TYPE_CHECKING:
    from evals.core import Progress
    from interviewer.retrieval.index import PassageIndex

NAME = "retrieval"
HELP = "Recall and MRR of the passage index on the bank's rephrasings and sayings, in and across languages"

RESAMPLES = 1000
#: Rank of the first right passage; None when it is not among the ranked ones.
Rank = int | None
Ranker = Callable[[str, Sequence[int]], list[int]]


@dataclass(frozen=True, slots=True)
class Query:
    """Something to search, and the question whose passages are right. `lang` is zh, en or mixed."""

    text: str
    lang: str
    kind: str
    question_id: str


@dataclass(frozen=True, slots=True)
class Score:
    """Means over queries, each question counting once; the MRR's 95 % interval; the standard errors of all three."""

    queries: int
    recall1: float
    recall5: float
    mrr: float
    low: float
    high: float
    errors: tuple[float, float, float]


def add_arguments(parser: ArgumentParser) -> None:
    parser.add_argument("--encoder", action="append", default=[], metavar="NAME", help="also measure this model name or folder")
    parser.add_argument("--documents", type=Path, nargs="*", default=[], metavar="FILE", help="also search these documents")
    parser.add_argument("--seed", type=int, default=0, help="of the resampling")


def run(args: Namespace, progress: Progress) -> Result:
    """Build the index of the shipped bank in a temporary folder, once per encoder, and rank every query."""
    from interviewer.config import corpus_dir
    from interviewer.ingest.bankfile import load_bank
    from interviewer.ingest.documents import read_document
    from interviewer.retrieval.passages import bank_passages, document_passages

    bank = load_bank([corpus_dir() / "bank"])
    queries = bank_queries(bank)
    passages = bank_passages(bank)
    documents = [p for doc in map(read_document, args.documents) for p in document_passages(doc.name, doc.text)]
    figures: dict[str, float] = {}
    noise: dict[str, float] = {}
    rows: list[tuple[str | float | int, ...]] = []
    bars: dict[str, list[Bar]] = {}
    timing: list[tuple[str, float, float]] = []
    for name in ["builtin", *args.encoder]:
        progress(f"{name}: {len(queries)} queries over {len(passages)} passages")
        index = _index([*passages, *documents], name)
        timing.append(_timing(name, index, queries))
        for label, ranker in _rankers(index, Path(name).name).items():
            if label == "bm25" and name != "builtin":
                continue  # the same for every encoder
            for mode, lang, kind, score in _scores(ranker, index.passages, bank, queries, args.seed):
                rows.append((label, mode, lang, kind, score.queries, score.recall1, score.recall5, score.mrr, _interval(score)))
                if kind == "all":
                    key = f"{label}.{mode}.{lang}"
                    figures |= {f"{key}.recall@1": score.recall1, f"{key}.recall@5": score.recall5, f"{key}.mrr": score.mrr}
                    noise |= {f"{key}.{m}": e for m, e in zip(("recall@1", "recall@5", "mrr"), score.errors, strict=True)}
                    bars.setdefault(f"MRR, {mode}, {lang}", []).append(Bar(label, score.mrr, score.low, score.high))
    columns = ("ranker", "passages", "query", "kind", "queries", "recall@1", "recall@5", "mrr", "95 % interval of mrr")
    return Result(
        figures=figures,
        dataset=dataset_hash([*(q.text for q in queries), *(p.text for p in [*passages, *documents])]),
        noise=noise,
        tables=(
            Table("Ranking", columns, tuple(rows)),
            Table("Time per query on this machine, ms", ("encoder", "median", "95th percentile"), tuple(timing)),
        ),
        charts=tuple(Chart(title, tuple(group)) for title, group in bars.items()),
        sections=(Section("What is measured", _EXPLANATION),),
        made_by={"model": ", ".join(["builtin", *args.encoder]), "seed": args.seed, "questions": len(bank)},
        variant="documents" if documents else "",
    )


_EXPLANATION = (
    "`same` ranks only passages in the query's language, `cross` only those in the other one, `any` all of them; `documents` "
    "only the passages of the documents given, where a passage is right when the bank names its heading's number as a source. "
    "A query counts as mixed when it holds both Chinese and Latin words.\n\n"
    "Noise of a figure is its standard error under resampling of questions."
)


def bank_queries(bank: Bank) -> list[Query]:
    """Every rephrasing and every accepted saying, in the bank's order."""
    out: list[Query] = []
    for question in bank:
        texts = [(text.get(lang), "rephrasing") for text in question.rephrasings for lang in LANGS]
        texts += [(saying, "saying") for point in question.key_points for saying in point.accepted]
        out += [Query(text, query_language(text), kind, question.id) for text, kind in texts if text]
    return out


def query_language(text: str) -> str:
    """zh, en, or mixed for a text with words of both."""
    chinese, latin = CJK_RUN.search(text), LATIN_WORD.search(text)
    return "mixed" if chinese and latin else "zh" if chinese else "en"


def _index(passages: Sequence[Passage], encoder: str) -> PassageIndex:
    from interviewer.encoders import Encoders
    from interviewer.retrieval.index import build_or_update

    with tempfile.TemporaryDirectory() as folder:
        return build_or_update(Path(folder), passages, encoder, Encoders())


def _rankers(index: PassageIndex, name: str) -> dict[str, Ranker]:
    fused = "fusion" if name == "builtin" else f"fusion with {name}"
    return {
        "bm25": index.by_terms,
        name: index.by_vectors,
        fused: lambda query, rows: [row for row, _ in index.ranking(query, rows)],
    }


def _scores(
    ranker: Ranker, passages: Sequence[Passage], bank: Bank, queries: Sequence[Query], seed: int
) -> list[tuple[str, str, str, Score]]:
    """(mode, language, kind, score) for every combination that has queries."""
    labels = [passage.question_id or _numbered(passage) for passage in passages]
    wanted = {question.id: {question.id, *question.sources} for question in bank}
    out: list[tuple[str, str, str, Score]] = []
    for mode, lang, rows in _modes(passages):
        present = {labels[row] for row in rows}
        asked = [query for query in queries if query.lang == lang and wanted[query.question_id] & present]
        ranks: list[Rank] = []
        for query in asked:
            right = (labels[row] in wanted[query.question_id] for row in ranker(query.text, rows))
            ranks.append(next((rank for rank, found in enumerate(right, start=1) if found), None))
        for kind in ("all", "rephrasing", "saying"):
            chosen = [(q.question_id, rank) for q, rank in zip(asked, ranks, strict=True) if kind in ("all", q.kind)]
            if chosen:
                out.append((mode, lang, kind, summarise(chosen, seed)))
    return out


def _modes(passages: Sequence[Passage]) -> list[tuple[str, str, Sequence[int]]]:
    """(mode, language of the queries, rows that are searched)."""
    of_bank = [row for row, passage in enumerate(passages) if passage.question_id]
    of_documents = [row for row, passage in enumerate(passages) if not passage.question_id]
    chinese, english = ([row for row in of_bank if passages[row].lang == lang] for lang in LANGS)
    modes: list[tuple[str, str, Sequence[int]]] = [("any", lang, of_bank) for lang in ("zh", "mixed", "en")]
    modes += [("same", "zh", chinese), ("same", "en", english), ("cross", "zh", english), ("cross", "en", chinese)]
    return modes + [("documents", lang, of_documents) for lang in ("zh", "mixed", "en")]


def _numbered(passage: Passage) -> str:
    """`name#12` for a passage under a heading that begins with 12, as the bank's sources are written."""
    numbers = (re.match(r"\D{0,8}(\d+)\s*[.、．:：)）]", title) for title in reversed(passage.heading))
    number = next((match.group(1) for match in numbers if match), "")
    return f"{passage.source}#{number}"


def summarise(ranks: Sequence[tuple[str, Rank]], seed: int) -> Score:
    """Scores of (question, rank) pairs, averaged within questions, then over them; intervals by resampling questions."""
    import numpy as np

    groups: dict[str, list[Rank]] = {}
    for question_id, rank in ranks:
        groups.setdefault(question_id, []).append(rank)
    table = np.array([np.mean([(r == 1, bool(r and r <= 5), 1 / r if r else 0.0) for r in g], axis=0) for g in groups.values()])
    recall1, recall5, mrr = table.mean(axis=0)
    draws = np.random.default_rng(seed).integers(0, len(table), size=(RESAMPLES, len(table)))
    means = table[draws].mean(axis=1)
    low, high = np.percentile(means[:, 2], [2.5, 97.5])
    errors = tuple(float(error) for error in means.std(axis=0))
    return Score(
        len(ranks), float(recall1), float(recall5), float(mrr), float(low), float(high), (errors[0], errors[1], errors[2])
    )


def _interval(score: Score) -> str:
    return f"{score.low:.3f} to {score.high:.3f}"


def _timing(name: str, index: PassageIndex, queries: Sequence[Query]) -> tuple[str, float, float]:
    import numpy as np

    taken: list[float] = []
    for query in queries[:200]:
        started = time.perf_counter()
        index.search(query.text)
        taken.append((time.perf_counter() - started) * 1000)
    return Path(name).name, float(np.median(taken)), float(np.percentile(taken, 95))
