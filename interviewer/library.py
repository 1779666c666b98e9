"""What the interviewer knows: the shipped bank, the person's own banks and documents, and the index over all of them.

Readers see the old bank or the new one, whole, and the old index until the new one is built; one writer at a time. Asks and
grades nothing.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from interviewer.config import Settings, corpus_dir
from interviewer.domain.errors import BankError, InterviewerError
from interviewer.domain.questions import Bank, LocalText, Passage, Question
from interviewer.encoders import Encoders
from interviewer.ingest.bankfile import dump_bank_file, load_bank
from interviewer.ingest.derive import slug
from interviewer.ingest.documents import Document, read_document
from interviewer.ingest.duplicates import DuplicateFinder, Wording
from interviewer.ingest.run import IngestResult, ingest
from interviewer.ingest.shelf import CHANGED, OwnBank, Shelf, fingerprint
from interviewer.retrieval import OnProgress, PassageIndex, bank_passages, build_or_update, document_passages

TAKEN = "you have a document of that name already"
SAME_IDS = "another document has questions of that name; choose another name"


@dataclass(frozen=True, slots=True)
class Preview:
    """What documents hold, before any of it is kept: questions and reports, the documents that are only text to read, and
    `twins`, for a question that the bank asks already the id it has there."""

    result: IngestResult
    reading: tuple[Document, ...] = ()
    twins: dict[str, str] = field(default_factory=dict)


class Library:
    """The bank and its index."""

    def __init__(self, settings: Settings) -> None:
        """Reads the banks; the index is built at first use. Raises BankError for the shipped bank only."""
        self._settings = settings
        self._building = threading.RLock()
        self._changing = threading.RLock()
        self._index: PassageIndex | None = None
        self._shelf = Shelf(settings.banks_dir)
        self.shipped = load_bank([corpus_dir() / "bank"])
        self.reload()

    # ------------------------------------------------------------ reading

    @property
    def index(self) -> PassageIndex:
        """The index; while a newer one is being built, the old. Raises RetrievalIndexError, EngineUnavailable (the encoder)."""
        index = self._index
        if index is None:
            with self._building:
                index = self._index or self._build_index(self.bank)
                self._index = index
        return index

    def is_own(self, question_id: str) -> bool:
        """Whether the person may change the question where it is."""
        return question_id in self._own_ids

    def texts(self) -> list[Path]:
        """The documents kept as text to retrieve from."""
        return sorted(self._settings.documents_dir.glob("*.txt"))

    def reload(self) -> None:
        """Reread the person's banks. The index follows at the next `reindex`."""
        with self._changing:
            own = self._shelf.read()
            problems = [bank.problem for bank in own if bank.problem]
            bank, self._own_ids, repeated = _together(self.shipped, own)
            self.own, self.problems, self.bank = own, (*problems, *repeated), bank

    def reindex(self, on_progress: OnProgress = lambda _done, _total: None) -> None:
        """Bring the index up to date with the bank and the texts; only what changed is embedded."""
        with self._building:
            self._index = self._build_index(self.bank, on_progress)

    def refresh(self) -> None:
        """Reread the banks and bring the index up to date."""
        self.reload()
        self.reindex()

    # ------------------------------------------------------------ documents

    def ingest(self, paths: Sequence[Path]) -> IngestResult:
        """What the documents hold. Saves nothing. A question the bank asks too is kept: the interview asks one of the two."""
        return ingest(paths)

    def save(self, result: IngestResult, name: str = "") -> list[Path]:
        """Write the questions found as the person's bank `name`, replacing one of that name; where there are several documents,
        or no name, as one bank a document. Raises BankError. The index follows at the next `refresh`."""
        targets = self._targets(result, name)

        def write() -> None:
            for topic, path in targets.items():
                own = [question for question in result.questions if question.topic == topic]
                dump_bank_file(path, topic, result.topics[topic], own, "derived")

        self._shelf.as_only_writer(write)
        return list(targets.values())

    def preview(self, paths: Sequence[Path]) -> Preview:
        """What the documents hold and what of it is known. Saves nothing; `keep` does."""
        result = self.ingest(paths)
        prose = [report.path for report in result.files if not report.unreadable and not report.questions]
        return Preview(result, tuple(map(read_document, prose)), _twins(result, self.bank))

    def keep(self, preview: Preview, name: str = "", *, only_new: bool = False, replacing: bool = False) -> None:
        """Take what was previewed: documents with questions as one bank each, the others as text to retrieve from.

        A single document may be given a name. `only_new` leaves out what the bank asks already. Raises BankError, with TAKEN
        unless `replacing` where there is a document of that name.
        """
        result = _renamed(preview.result, name) if name else preview.result
        if only_new:
            pairs = zip(preview.result.questions, result.questions, strict=True)
            result = replace(result, questions=tuple(new for old, new in pairs if old.id not in preview.twins))
        with self._changing:
            targets = self._targets(result)
            there = {*targets.values(), *(self._text_path(document) for document in preview.reading)}
            if not replacing and any(path.exists() for path in there):
                raise BankError(TAKEN)
            self._check_ids(result, targets.values())
            self.save(result)
            for document in preview.reading:
                self._keep_for_reading(document)
            self.reload()

    def add_reading(self, paths: Sequence[Path]) -> None:
        """Keep documents as text to retrieve from, whatever questions they hold. Raises DocumentError."""
        for path in paths:
            self._keep_for_reading(read_document(path))
        self.refresh()

    def delete_bank(self, file_name: str, seen: str) -> None:
        """Delete one of the person's bank files, unless it has changed since it was `seen`. Raises BankError."""
        with self._changing:
            self._shelf.remove(file_name, seen)
            self.reload()

    def delete_text(self, file_name: str) -> None:
        """Delete a document kept as text. One that is gone already is no error. Raises InterviewerError."""
        for path in self.texts():
            if path.name == file_name:
                try:
                    path.unlink(missing_ok=True)
                except OSError as error:
                    raise InterviewerError(f"{path}: can't be deleted ({error.strerror or error})") from error

    # ------------------------------------------------------------ questions

    def change(self, question: Question, seen: str) -> None:
        """Write a question over the one of its id, unless that has changed since it was `seen`. One that was shipped stays: the
        changed copy, in the person's own bank, takes its place. Raises BankError."""
        with self._changing:
            if self.is_own(question.id):
                self._shelf.change(question, seen)
            else:
                before = self.bank.get(question.id)
                if before is None or fingerprint(before) != seen:
                    raise BankError(CHANGED)
                title = self.shipped.topics.get(question.topic, LocalText(question.topic, question.topic))
                self._shelf.add(question, f"changed-{file_slug(question.topic)}", title)
            self.reload()

    def delete(self, question_id: str, seen: str) -> None:
        """Delete a question of the person's own, unless it has changed since it was `seen`; a shipped one that it stood for is
        back. Raises BankError."""
        with self._changing:
            self._shelf.delete(question_id, seen)
            self.reload()

    # ------------------------------------------------------------ how

    def _targets(self, result: IngestResult, name: str = "") -> dict[str, Path]:
        """The file for each topic of a result."""
        topics = list(dict.fromkeys(question.topic for question in result.questions))
        stems = {topic: name if name and len(topics) == 1 else f"{name}-{topic}".lstrip("-") for topic in topics}
        return {topic: self._settings.banks_dir / f"{file_slug(stem)}.yaml" for topic, stem in stems.items()}

    def _check_ids(self, result: IngestResult, targets: Iterable[Path]) -> None:
        """Two files can't hold one id: of their questions one would never be asked."""
        replaced = set(targets)
        elsewhere = {q.id for own in self.own if own.path not in replaced for q in own.bank} | {q.id for q in self.shipped}
        if any(question.id in elsewhere for question in result.questions):
            raise BankError(SAME_IDS)

    def _text_path(self, document: Document) -> Path:
        return self._settings.documents_dir / f"{file_slug(document.name)}.txt"

    def _keep_for_reading(self, document: Document) -> None:
        path = self._text_path(document)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(document.text, encoding="utf-8")
        except OSError as error:
            raise InterviewerError(f"{path}: can't be written ({error.strerror or error})") from error

    def _build_index(self, bank: Bank, on_progress: OnProgress = lambda _done, _total: None) -> PassageIndex:
        passages: list[Passage] = bank_passages(bank)
        for path in self.texts():
            passages += document_passages(path.stem, path.read_text(encoding="utf-8"))
        encoders = Encoders(allow_download=self._settings.download)
        return build_or_update(self._settings.index_dir, passages, self._settings.encoder, encoders, on_progress=on_progress)


def _together(shipped: Bank, own: Iterable[OwnBank]) -> tuple[Bank, frozenset[str], list[str]]:
    """The shipped bank with the person's own, the ids of those that are theirs, and what got no place.

    A question they wrote under the id of a shipped one takes its place; one that was read off a document never does.
    """
    places = {question.id for question in shipped}
    first: dict[str, Question] = {}
    problems = []
    for file in own:
        for question in file.bank:
            if question.id in first or (question.id in places and question.origin != "authored"):
                problems.append(f"{file.path}: the question {question.id!r} is there already; this one is not asked")
            else:
                first[question.id] = question
    changed = Bank(tuple(first.get(q.id, q) for q in shipped), shipped.topics)
    rest = [Bank(tuple(q for q in file.bank if first.get(q.id) is q), file.bank.topics) for file in own]
    return changed.merged(rest), frozenset(first), problems


def _twins(result: IngestResult, bank: Bank) -> dict[str, str]:
    """For each question found that the bank asks already, outside the documents it would replace, the id it has there."""
    old = [
        Wording(q.id, text)
        for q in bank
        if q.topic not in result.topics
        for local in (q.text, *q.rephrasings)
        for text in local.both()
    ]
    new = {question.id: Wording(question.id, question.text.get("zh")) for question in result.questions}
    finder = DuplicateFinder([*old, *new.values()])
    for wording in old:
        finder.add(wording)
    found = {question_id: finder.first_like(wording) for question_id, wording in new.items()}
    return {question_id: twin.owner for question_id, twin in found.items() if twin}


def _renamed(result: IngestResult, name: str) -> IngestResult:
    """The result of one document under another name: its topic and its questions' ids follow, so that two documents whose
    files had one name can both be kept. Left as it is where there are several documents."""
    if len(result.topics) != 1:
        return result
    (old, title), new = next(iter(result.topics.items())), slug(name)
    questions = tuple(replace(q, topic=new, id=f"{new}-{q.id.rpartition('-')[2]}") for q in result.questions)
    same = old == new
    return replace(result, questions=questions, topics={new: title if same else LocalText(name.strip(), name.strip())})


def file_slug(name: str) -> str:
    """A name that is safe as a file's: letters (Chinese too), digits, `-` and `_`; never empty, never a path."""
    # File systems count bytes, 255 as a rule: 60 characters fit even at four bytes each.
    return re.sub(r"[^\w\-]+", "-", name).strip("-")[:60] or "documents"
