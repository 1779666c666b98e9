"""The person's own bank files: which there are, and changing one so that nobody's work is lost.

Every change names the state it was made from; if that is no longer what the file holds, it is refused. One program at a time
writes. Does not know what makes a question good, nor the shipped bank.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from interviewer.domain.errors import BankError
from interviewer.domain.questions import Bank, LocalText, Question
from interviewer.ingest.bankfile import bank_text, read_bank_text, write_bank_text
from interviewer.ingest.editing import with_question, without_question

#: Seconds to wait for another program that is writing; a file takes it milliseconds.
_PATIENCE = 20.0
_ENDINGS = (".yaml", ".yml")
CHANGED = "this was changed somewhere else since you opened it; look at it as it is now, then make your change again"
GONE = "this is no longer there; it was deleted somewhere else"


def fingerprint(question: Question) -> str:
    """Changes whenever anything about the question does."""
    return hashlib.sha256(repr(question).encode("utf-8", "surrogatepass")).hexdigest()[:24]


@dataclass(frozen=True, slots=True)
class OwnBank:
    """One bank file. One that can't be read holds no question, and `problem` says why; `seen` changes with every byte."""

    path: Path
    bank: Bank
    seen: str
    problem: str = ""


class Shelf:
    """The bank files of one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self) -> tuple[OwnBank, ...]:
        """Every file, sorted by name: a bad one is a problem, not the end."""
        paths = sorted(path for path in self._folder.glob("*") if path.suffix.lower() in _ENDINGS and path.is_file())
        return tuple(map(_read, paths))

    def change(self, question: Question, seen: str) -> None:
        """Write the question over the one of its id, which must still be the one that `seen` is the fingerprint of.
        Raises BankError."""
        with self._writing():
            path, text = self._holder(question.id, seen)
            write_bank_text(path, with_question(path, text, question))

    def add(self, question: Question, name: str, title: LocalText) -> None:
        """Put a new question into the file `name`, made if there is none. Raises BankError."""
        with self._writing():
            path = self._folder / f"{name}.yaml"
            try:
                text = with_question(path, _text(path), question) if path.exists() else None
            except OSError as error:
                raise BankError(f"{path}: can't be read ({error.strerror or error})") from error
            if text is None:
                text = bank_text(question.topic, title, [question], question.origin)
            write_bank_text(path, text)

    def delete(self, question_id: str, seen: str) -> None:
        """Take a question out of its file; a file's last question takes the file along. Raises BankError."""
        with self._writing():
            path, text = self._holder(question_id, seen)
            left = without_question(path, text, question_id)
            if left is None:
                _unlink(path)
            else:
                write_bank_text(path, left)

    def remove(self, file_name: str, seen: str) -> None:
        """Delete a whole file, which must still be as it was `seen`. Raises BankError."""
        with self._writing():
            own = next((own for own in self.read() if own.path.name == file_name), None)
            if own is None:
                raise BankError(GONE)
            if own.seen != seen:
                raise BankError(CHANGED)
            _unlink(own.path)

    def as_only_writer(self, write: Callable[[], None]) -> None:
        """Run `write`, which writes files of this folder, as the only writer."""
        with self._writing():
            write()

    def _holder(self, question_id: str, seen: str) -> tuple[Path, str]:
        """The first file that holds the question, and its text. Raises BankError."""
        for own in self.read():
            question = own.bank.get(question_id)
            if question is not None:
                if fingerprint(question) != seen:
                    raise BankError(CHANGED)
                return own.path, _text(own.path)
        raise BankError(GONE)

    @contextmanager
    def _writing(self) -> Iterator[None]:
        from filelock import FileLock, Timeout

        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with FileLock(self._folder / ".lock", timeout=_PATIENCE):
                yield
        except Timeout:
            raise BankError(f"another program has been writing in {self._folder} for {_PATIENCE:.0f} s") from None
        except OSError as error:
            raise BankError(f"{self._folder}: can't be written ({error.strerror or error})") from error


def _read(path: Path) -> OwnBank:
    try:
        data = path.read_bytes()
    except OSError as error:
        return OwnBank(path, Bank(), "", f"{path}: can't be read ({error.strerror or error})")
    seen = hashlib.sha256(data).hexdigest()[:24]
    try:
        return OwnBank(path, read_bank_text(path, data.decode("utf-8-sig")), seen)
    except UnicodeDecodeError:
        return OwnBank(path, Bank(), seen, f"{path}: is not UTF-8 text; save the file as UTF-8")
    except BankError as error:
        return OwnBank(path, Bank(), seen, str(error))


def _text(path: Path) -> str:
    """The file as written, except for a byte-order mark and Windows' line ends."""
    return path.read_bytes().decode("utf-8-sig").replace("\r\n", "\n")


def _unlink(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        raise BankError(f"{path}: can't be deleted ({error.strerror or error})") from error
