"""The comparison behind the built-in encoder and the fusion: `python -m evals.encoder_candidates [--encoder NAME]`.

Ranks the bank's rephrasings and the accepted sayings of its key points with other features, dimensions and fitting texts than
the shipped ones, and with other fusions, and prints the MRR of each: of the first right passage, within and across languages.
None of these queries is in the index or in the fit. The data set of `evals.retrieval` is left alone, so that what is chosen
here can be measured there. Its findings are in evals/LOG.md; nothing in the product reads it.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from evals.retrieval import query_language
from evals.retrieval_figures import Query, summarise
from interviewer.domain.questions import LANGS, Bank, Passage

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Scores = NDArray[np.float32]

#: A candidate's scores for one query: [passages].
Scorer = Callable[[int], "Scores"]


def bank_queries(bank: Bank) -> list[Query]:
    """Every rephrasing and every accepted saying, in the bank's order."""
    out: list[Query] = []
    for question in bank:
        texts = [(text.get(lang), "rephrasing") for text in question.rephrasings for lang in LANGS]
        texts += [(saying, "saying") for point in question.key_points for saying in point.accepted]
        out += [Query(text, query_language(text), kind, question.id, split="dev") for text, kind in texts if text]
    return out


def modes(passages: Sequence[Passage]) -> list[tuple[str, list[int]]]:
    """(language of the queries, rows that are ranked): all of them, those in the same language, those in the other one."""
    everything = list(range(len(passages)))
    chinese, english = ([row for row in everything if passages[row].lang == lang] for lang in LANGS)
    found = [(lang, everything) for lang in ("zh", "mixed", "en")]
    return [*found, ("zh", chinese), ("en", english), ("zh", english), ("en", chinese)]


def candidates(texts: Sequence[str], bilingual: Sequence[str], queries: Sequence[str]) -> Iterator[tuple[str, Scores]]:
    """(name, [queries, passages] cosine) for each set of features and way of folding them."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    from interviewer.domain.text import terms_for_search
    from interviewer.encoders.builtin import BuiltinEncoder, features

    kinds: dict[str, dict[str, Any]] = {
        "characters 1-3": {"analyzer": "char", "ngram_range": (1, 3)},
        "characters 2-4 inside words": {"analyzer": "char_wb", "ngram_range": (2, 4)},
        "terms": {"analyzer": terms_for_search},
        "mixed": {"analyzer": lambda text: list(features(text))},
    }
    for kind, options in kinds.items():
        for dim in (0, 128, 256, 300):
            vectorizer = TfidfVectorizer(sublinear_tf=True, **options)
            yield f"{kind}, {f'SVD {dim}' if dim else 'no SVD'}", _cosine(vectorizer, dim, bilingual, texts, queries)
    vectorizer = TfidfVectorizer(sublinear_tf=True, **kinds["mixed"])
    yield "mixed, SVD 256, fitted on single passages", _cosine(vectorizer, 256, texts, texts, queries)
    yield "mixed, hashed, random projection 512", _projected(kinds["mixed"], texts, queries)
    shipped = BuiltinEncoder.fit(bilingual)
    yield "shipped", shipped.encode_queries(queries) @ shipped.encode_documents(texts).T


def _cosine(vectorizer: Any, dim: int, fit: Sequence[str], texts: Sequence[str], queries: Sequence[str]) -> Scores:
    import numpy as np
    from sklearn.decomposition import TruncatedSVD
    from sklearn.preprocessing import normalize

    matrix = vectorizer.fit_transform(fit)
    left, right = vectorizer.transform(queries), vectorizer.transform(texts)
    if not dim:
        return np.asarray((left @ right.T).toarray(), dtype=np.float32)
    svd = TruncatedSVD(dim, random_state=0).fit(matrix)
    return np.asarray(normalize(svd.transform(left)) @ normalize(svd.transform(right)).T, dtype=np.float32)


def _projected(options: dict[str, Any], texts: Sequence[str], queries: Sequence[str]) -> Scores:
    import numpy as np
    from sklearn.feature_extraction.text import HashingVectorizer
    from sklearn.preprocessing import normalize
    from sklearn.random_projection import SparseRandomProjection

    hashing = HashingVectorizer(alternate_sign=False, **options)
    left, right = hashing.transform(queries), hashing.transform(texts)
    projection = SparseRandomProjection(512, random_state=0).fit(right)
    left, right = (normalize(projection.transform(part).toarray()) for part in (left, right))
    return np.asarray(left @ right.T, dtype=np.float32)


def fusions(dense: Scores, lexical: Scores) -> Iterator[tuple[str, Scores]]:
    """(name, [queries, passages] fused scores)."""
    import numpy as np

    def reciprocal(scores: Scores, constant: int) -> Scores:
        order = np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1)
        return np.where(scores > 0, 1 / (constant + 1 + order), 0.0).astype(np.float32)

    yield "vectors alone", dense
    yield "BM25 alone", lexical
    for constant in (10, 60):
        for weight in (0.25, 0.5, 1.0):
            fused = reciprocal(dense, constant) + weight * reciprocal(lexical, constant)
            yield f"reciprocal rank, constant {constant}, BM25 × {weight}", fused
    best = np.maximum(lexical.max(axis=1, keepdims=True), 1e-9)
    for weight in (0.15, 0.3, 0.5, 1.0):
        yield f"cosine + {weight} × BM25 / best", dense + weight * lexical / best


def mrr(scores: Scores, passages: Sequence[Passage], queries: Sequence[Query]) -> list[float]:
    """MRR for each of `modes`, over all passages that score above nothing."""
    import numpy as np

    labels = np.array([passage.question_id for passage in passages])
    out: list[float] = []
    for lang, rows in modes(passages):
        ranks: list[tuple[str, int | None]] = []
        for i, query in enumerate(queries):
            if query.lang == lang and len(rows):
                order = np.asarray(rows)[np.argsort(-scores[i, rows], kind="stable")]
                found = np.flatnonzero((labels[order] == query.question_id) & (scores[i, order] > 0))
                ranks.append((query.question_id, int(found[0]) + 1 if len(found) else None))
        if ranks:
            out.append(summarise(ranks, seed=0).mrr)
    return out


def main() -> None:
    """Print both comparisons as tables."""
    import numpy as np

    from interviewer.config import corpus_dir
    from interviewer.encoders import load_encoder
    from interviewer.ingest.bankfile import load_bank
    from interviewer.retrieval.lexical import Bm25
    from interviewer.retrieval.passages import bank_passages, fitting_texts, searchable

    parser = argparse.ArgumentParser(prog="python -m evals.encoder_candidates", description=__doc__)
    parser.add_argument("--encoder", default="builtin", help="the encoder whose fusion with BM25 is compared")
    args = parser.parse_args()
    bank = load_bank([corpus_dir() / "bank"])
    passages, queries = bank_passages(bank), bank_queries(bank)
    texts, asked, bilingual = [searchable(p) for p in passages], [q.text for q in queries], fitting_texts(passages)
    print(f"{len(bank)} questions, {len(passages)} passages, {len(queries)} queries; MRR")
    header = "any zh | any mixed | any en | same zh | same en | cross zh | cross en | mean"
    rule = "|---" * (header.count("|") + 2) + "|"

    def show(title: str, rows: Iterator[tuple[str, Scores]]) -> None:
        print(f"\n| {title} | {header} |\n{rule}")
        for name, scores in rows:
            values = mrr(scores, passages, queries)
            print(f"| {name} | {' | '.join(f'{v:.3f}' for v in [*values, float(np.mean(values))])} |", flush=True)

    if args.encoder == "builtin":
        show("encoder", candidates(texts, bilingual, asked))
    encoder = load_encoder(args.encoder, corpus=bilingual)
    bm25 = Bm25.build(texts)
    dense = encoder.encode_queries(asked) @ encoder.encode_documents(texts).T
    show("fusion", fusions(dense, np.stack([bm25.scores(text) for text in asked])))


if __name__ == "__main__":
    main()
