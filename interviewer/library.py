"""What the interviewer knows: the shipped bank, the person's own banks and documents, and the index over all of them.

Readers see the old state or the new one, whole; one writer at a time. Asks and grades nothing.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Sequence
from pathlib import Path

from interviewer.config import Settings, corpus_dir
from interviewer.domain.errors import BankError, InterviewerError
from interviewer.domain.questions import Bank, Passage
from interviewer.encoders import Encoders
from interviewer.ingest.bankfile import dump_bank_file, load_bank, read_bank_file
from interviewer.ingest.documents import Document, read_document
from interviewer.ingest.run import IngestResult, ingest
from interviewer.retrieval import PassageIndex, bank_passages, build_or_update, document_passages


class Library:
    """The bank and its index."""

    def __init__(self, settings: Settings) -> None:
        """Reads the banks; the index is built at first use. Raises BankError for the shipped bank only."""
        self._settings = settings
        self._lock = threading.RLock()
        self._index: PassageIndex | None = None
        self.bank, self.problems = self._read_bank()

    @property
    def index(self) -> PassageIndex:
        """The index of everything the library holds. Raises RetrievalIndexError, EngineUnavailable (the encoder)."""
        with self._lock:
            if self._index is None:
                self._index = self._build_index(self.bank)
            return self._index

    def refresh(self) -> None:
        """Reread the banks and bring the index up to date; only what changed is embedded."""
        with self._lock:
            bank, self.problems = self._read_bank()
            self._index = self._build_index(bank)
            self.bank = bank

    def ingest(self, paths: Sequence[Path]) -> IngestResult:
        """What the documents hold. Saves nothing. A question the bank asks too is kept: the interview asks one of the two."""
        return ingest(paths)

    def save(self, result: IngestResult, name: str = "") -> list[Path]:
        """Write the questions found as the person's bank `name`, replacing one of that name; where there are several documents,
        or no name, as one bank a document. Raises BankError. The index follows at the next `refresh`."""
        topics = list(dict.fromkeys(question.topic for question in result.questions))
        written = []
        for topic in topics:
            own = [question for question in result.questions if question.topic == topic]
            stem = name if name and len(topics) == 1 else f"{name}-{topic}".lstrip("-")
            path = self._settings.banks_dir / f"{file_slug(stem)}.yaml"
            dump_bank_file(path, topic, result.topics[topic], own, "derived")
            written.append(path)
        return written

    def add_documents(self, paths: Sequence[Path]) -> IngestResult:
        """Take documents in: those with questions as one bank each, the others as text to retrieve from."""
        result = self.ingest(paths)
        self.save(result)
        for report in result.files:
            if not report.unreadable and not report.questions:
                self._keep_for_reading(read_document(report.path))
        self.refresh()
        return result

    def add_reading(self, paths: Sequence[Path]) -> None:
        """Keep documents as text to retrieve from, whatever questions they hold. Raises DocumentError."""
        for path in paths:
            self._keep_for_reading(read_document(path))
        self.refresh()

    def _keep_for_reading(self, document: Document) -> None:
        path = self._settings.documents_dir / f"{file_slug(document.name)}.txt"
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(document.text, encoding="utf-8")
        except OSError as error:
            raise InterviewerError(f"{path}: can't be written ({error.strerror or error})") from error

    def _read_bank(self) -> tuple[Bank, tuple[str, ...]]:
        """The shipped bank with the person's own, and what was wrong with theirs: a bad file is a problem, not the end."""
        banks, problems = [], []
        for path in sorted(self._settings.banks_dir.glob("*.y*ml")):
            try:
                banks.append(read_bank_file(path))
            except BankError as error:
                problems.append(str(error))
        return load_bank([corpus_dir() / "bank"]).merged(banks), tuple(problems)

    def _build_index(self, bank: Bank) -> PassageIndex:
        passages: list[Passage] = bank_passages(bank)
        for path in sorted(self._settings.documents_dir.glob("*.txt")):
            passages += document_passages(path.stem, path.read_text(encoding="utf-8"))
        encoders = Encoders(allow_download=self._settings.download)
        return build_or_update(self._settings.index_dir, passages, self._settings.encoder, encoders)


def file_slug(name: str) -> str:
    """A name that is safe as a file's: letters (Chinese too), digits, `-` and `_`; never empty, never a path."""
    # File systems count bytes, 255 as a rule: 60 characters fit even at four bytes each.
    return re.sub(r"[^\w\-]+", "-", name).strip("-")[:60] or "documents"
