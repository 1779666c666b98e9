"""Read a document into text: Markdown and plain text in any usual encoding directly, PDF, DOCX and HTML through markitdown.

Knows nothing of questions. Offsets anywhere else refer to `Document.text`: decoded, without a byte-order mark, lines ended
by a single newline.
"""

from __future__ import annotations

import codecs
import re
import warnings
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from interviewer.domain.errors import DocumentError

#: Larger than any collection of questions; keeps a wrongly chosen file from filling the memory.
MAX_BYTES = 20 * 1024 * 1024
_CONVERTED = {".pdf", ".docx", ".html", ".htm"}
_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),  # before UTF-16, whose mark is the first half of this one
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: Control characters that no text has; tab, line feed, carriage return and form feed are fine.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0e-\x1f\x7f]")
#: Text copied out of a PDF may hold a stray control character; more than this share means a binary file.
_MAX_CONTROL_SHARE = 0.01
#: The 3,500 most used Chinese characters make up over 99 % of any Chinese text and nearly all lie in this part of GB 2312
#: (its level 1, sorted by sound); other encodings read as GB 18030 land all over the table.
_GB_LEVEL1_LEAD = range(0xB0, 0xD8)
_MIN_GB_SHARE = 0.7
#: What else documents come in; without this list a French text may be called Mac Latin-2.
_GUESSES = ("big5", "cp1252", "shift_jis", "euc_kr", "cp1251")
#: What a file begins with when a converter gave up and handed its bytes through.
_RAW = ("%PDF", "PK\x03\x04")


def readable_endings() -> list[str]:
    """Endings of the files that can be read on this machine: more of them where the converter is installed."""
    converted = sorted(_CONVERTED) if find_spec("markitdown") else []
    return [".md", ".markdown", ".txt", *converted]


@dataclass(frozen=True, slots=True)
class Document:
    """A document as text. `name` is the file's name without its ending; `notes` says how it was
    read, `doubts` what may have gone wrong with that."""

    path: Path
    name: str
    text: str
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()


def read_document(path: Path) -> Document:
    """The text of a document. Raises DocumentError when it is missing, empty, binary, too large or needs a missing package."""
    try:
        if path.is_dir():
            raise DocumentError(f"{path}: is a folder; name the files in it")
        size = path.stat().st_size
        if size > MAX_BYTES:
            raise DocumentError(f"{path}: has {size / 2**20:.0f} MB; {MAX_BYTES // 2**20} MB is the limit")
        if path.suffix.lower() in _CONVERTED:
            read: _Decoded = _convert(path), (f"converted from {path.suffix.lower()[1:].upper()}",), ()
        else:
            read = _decode(path, path.read_bytes())
    except FileNotFoundError:
        raise DocumentError(f"{path}: there is no such file") from None
    except OSError as error:
        raise DocumentError(f"{path}: can't be read ({error.strerror or error})") from error
    text, notes, doubts = read
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    if not text.strip():
        raise DocumentError(f"{path}: is empty")
    return Document(path, path.stem, text, notes, doubts)


#: Text, notes, doubts.
_Decoded = tuple[str, tuple[str, ...], tuple[str, ...]]


def _decode(path: Path, data: bytes) -> _Decoded:
    for bom, encoding in _BOMS:
        if data.startswith(bom):
            text = data[len(bom) :].decode(encoding, errors="replace")
            return _text_only(path, text), (f"read as {encoding.upper()}",), ()
    try:
        return _text_only(path, data.decode("utf-8")), ("read as UTF-8",), ()
    except UnicodeDecodeError as error:
        broken_at = error.start
    if b"\x00" in data:
        raise DocumentError(f"{path}: is no text file (it holds zero bytes)")
    if _looks_like_gb(data):
        text = data.decode("gb18030", errors="replace")
        doubts = ("some characters are not valid GB18030",) if "\ufffd" in text else ()
        return _text_only(path, text), ("read as GB18030",), doubts
    repaired = data.decode("utf-8", errors="replace")
    if repaired.count("\ufffd") <= max(3, len(repaired) // 1000):
        line = data.count(b"\n", 0, broken_at) + 1
        return _text_only(path, repaired), ("read as UTF-8",), (f"some characters are not valid UTF-8, first in line {line}",)
    return _guess(path, data)


def _looks_like_gb(data: bytes) -> bool:
    """Whether most two-byte characters are everyday Chinese when the bytes are read as GB 2312's encoding."""
    wide = common = i = 0
    while i < len(data) - 1 and wide < 20_000:
        if data[i] < 0x80:
            i += 1
            continue
        wide += 1
        common += (data[i] in _GB_LEVEL1_LEAD or data[i] in (0xA1, 0xA3)) and data[i + 1] >= 0xA1
        i += 2
    return wide > 0 and common / wide >= _MIN_GB_SHARE


def _guess(path: Path, data: bytes) -> _Decoded:
    from charset_normalizer import from_bytes

    best = from_bytes(data[: 2**18], cp_isolation=list(_GUESSES)).best()
    if best is None:
        raise DocumentError(f"{path}: is no text file (no known encoding fits); save it as UTF-8")
    text = data.decode(best.encoding, errors="replace")
    return _text_only(path, text), (f"read as {best.encoding}",), (f"the encoding {best.encoding} is a guess",)


def _text_only(path: Path, text: str) -> str:
    """The text without stray control characters. Raises DocumentError when they are too many for a text."""
    if "\x00" in text or len(_CONTROL.findall(text)) > max(3, _MAX_CONTROL_SHARE * len(text)):
        raise DocumentError(f"{path}: is no text file (it holds control characters)")
    return _CONTROL.sub(" ", text)


def _convert(path: Path) -> str:
    """Markdown from a PDF, DOCX or HTML file. Works on the local file alone: markitdown fetches only URLs it is given."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the converters' libraries warn about themselves, which helps nobody here
            from markitdown import MarkItDown
    except ImportError:
        raise DocumentError(
            f"{path}: reading {path.suffix.lower()[1:].upper()} needs one more package: pip install 'interviewer[documents]'"
        ) from None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            text = str(MarkItDown(enable_plugins=False).convert_local(str(path)).markdown)
    except Exception as error:  # a dozen libraries with exceptions of their own stand behind it
        reason = str(error).strip().splitlines()
        raise DocumentError(f"{path}: can't be converted ({reason[0] if reason else type(error).__name__})") from error
    if text.lstrip().startswith(_RAW):
        raise DocumentError(f"{path}: can't be converted (the file is damaged, or is something else than its ending says)")
    return _text_only(path, text)
