"""Text tools that several parts share: normalising, splitting with spans, mixed Chinese-English tokens, near-duplicates.

Pure functions on the standard library. Offsets are Python character offsets into the text that was passed in.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence

from interviewer.domain.questions import Lang

_CJK = "\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
CJK_RUN = re.compile(f"[{_CJK}]+")
#: A Latin word keeps inner marks that belong to terms: gpt-4, c++, k/v is two words, 0.5 one, top_p one.
LATIN_WORD = re.compile(r"[A-Za-z0-9]+(?:[.\-_'][A-Za-z0-9]+)*\+{0,2}")
_TOKEN = re.compile(f"[{_CJK}]|{LATIN_WORD.pattern}")
_ABBREVIATION = re.compile(r"(?:\b(?:e\.g|i\.e|etc|vs|cf|Fig|Eq|al|approx|Dr|Mr|Ms|No)|\b[A-Z])\.$")
_ENDERS = "。！？!?；;\n"
_CLOSERS = "”’\"')）】』」*`"


def normalise(text: str) -> str:
    """Fold width, case and white space, so that ＬｏＲＡ, LoRA and "lora " compare equal. Changes offsets."""
    return re.sub(r"\s+", " ", unicodedata.normalize("NFKC", text)).strip().casefold()


def storable(text: str) -> str:
    """Text of the same length that every database takes: PostgreSQL refuses NUL, and none can encode a lone surrogate."""
    return text.replace("\x00", "\ufffd").encode("utf-8", "replace").decode("utf-8")


def tokens(text: str) -> list[str]:
    """Lower-case Latin words and single Chinese characters, in order: the unit of overlap measures."""
    return _TOKEN.findall(unicodedata.normalize("NFKC", text).casefold())


_AMERICAN = re.compile(r"(?<=[a-z]{3})iz(?=(?:e[drs]?|ers|ing|able|ations?)\b)")


def folded_for_search(text: str) -> str:
    """Text with width, case and English spelling folded: quantization and quantisation are one word."""
    return _AMERICAN.sub("is", unicodedata.normalize("NFKC", text).casefold())


def terms_for_search(text: str) -> list[str]:
    """Tokens for lexical ranking: Latin words, and Chinese as overlapping character pairs (a lone character stays)."""
    folded = folded_for_search(text)
    out: list[str] = []
    for match in re.finditer(f"[{_CJK}]+|{LATIN_WORD.pattern}", folded):
        word = match.group()
        if CJK_RUN.fullmatch(word):
            out.extend([word] if len(word) == 1 else (word[i : i + 2] for i in range(len(word) - 1)))
        else:
            out.append(word)
            if "-" in word or "_" in word:
                out.extend(part for part in re.split(r"[-_]", word) if part)
    return out


def chinese_share(text: str) -> float:
    """Share of the text's tokens that are Chinese characters, 0–1; 0 for no tokens. A Latin word counts as two."""
    chinese = sum(len(run) for run in CJK_RUN.findall(text))
    latin = 2 * sum(1 for _ in LATIN_WORD.finditer(text))
    return chinese / (chinese + latin) if chinese + latin else 0.0


def detect_language(text: str) -> Lang:
    """The language a text is mainly in. Chinese with English terms counts as Chinese."""
    return "zh" if chinese_share(text) >= 0.25 else "en"


def sentences(text: str) -> Iterator[tuple[int, int]]:
    """Spans of sentences. They don't overlap, hold no outer white space, and leave out nothing but white space."""
    start = 0
    i = 0
    while i < len(text):
        if text[i] in _ENDERS or (text[i] == "." and _full_stop(text, i)):
            i += 1
            while i < len(text) and (text[i] in _CLOSERS or text[i] in "。！？!?"):
                i += 1
            yield from _trimmed(text, start, i)
            start = i
        else:
            i += 1
    yield from _trimmed(text, start, len(text))


def clauses(text: str) -> Iterator[tuple[int, int]]:
    """Spans of clauses: sentences, cut further at commas and colons. For matching one claim at a time."""
    for begin, end in sentences(text):
        start = begin
        for match in re.finditer(r"[，,、：:]|——|--", text[begin:end]):
            at = begin + match.end()
            if match.group() in ",:" and at < end and not text[at].isspace():
                continue  # 1,000 and 3:1 are no clause ends
            if match.group() == "、":
                continue  # a list inside one claim
            yield from _trimmed(text, start, at)
            start = at
        yield from _trimmed(text, start, end)


def _full_stop(text: str, i: int) -> bool:
    following = text[i + 1 : i + 2]
    if following and not following.isspace() and following not in _CLOSERS and not CJK_RUN.match(following):
        return False  # 0.5, v2.1, e.g.x
    return not _ABBREVIATION.search(text[max(0, i - 8) : i + 1])


def _trimmed(text: str, start: int, end: int) -> Iterator[tuple[int, int]]:
    piece = text[start:end]
    begin = start + len(piece) - len(piece.lstrip())
    stop = begin + len(piece.strip())
    if stop > begin:
        yield begin, stop


def shingles(text: str, size: int = 2) -> frozenset[str]:
    """Overlapping token runs of `size` (the tokens themselves in a shorter text): what near-duplicates share."""
    parts = tokens(text)
    if len(parts) < size:
        return frozenset(parts)
    return frozenset(" ".join(parts[i : i + size]) for i in range(len(parts) - size + 1))


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    """Shared part of two sets, 0–1; two empty sets share nothing."""
    return len(a & b) / len(a | b) if a or b else 0.0


def contains_any(text: str, needles: Sequence[str]) -> bool:
    """Whether the normalised text holds one of the needles: Latin ones as whole words, Chinese ones anywhere."""
    folded = normalise(text)
    return any(find_term(folded, normalise(needle)) is not None for needle in needles)


def find_term(text: str, term: str) -> tuple[int, int] | None:
    """Where `term` stands in `text` (both already folded to one case), as a whole word if it is Latin; else None."""
    if not term:
        return None
    if CJK_RUN.search(term):
        at = text.find(term)
        return (at, at + len(term)) if at >= 0 else None
    pattern = re.sub(r"\\[ -]", lambda m: r"[\s\-]+" if m.group() == "\\ " else r"[\s\-]?", re.escape(term))
    match = re.search(rf"(?<![A-Za-z0-9]){pattern}(?:s|es)?(?![A-Za-z0-9])", text)
    return match.span() if match else None
