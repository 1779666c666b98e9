"""Weak points as an Anki deck: the question and which side of it on the front, the point and where the reference makes it on
the back. Reads a report; grades nothing and writes no file.

A card is the same card in every deck it is in: its id is made of question, point and language, so that importing a later
interview's deck brings the old cards up to date and leaves their schedule alone.
"""

from __future__ import annotations

import re
import sqlite3
import zipfile
from html import escape
from io import BytesIO
from itertools import count
from typing import TYPE_CHECKING, Any

from interviewer.domain.assessment import Verdict
from interviewer.domain.errors import NothingToLearn
from interviewer.domain.questions import Lang
from interviewer.report.model import Report, StudyPoint
from interviewer.report.words import word

if TYPE_CHECKING:
    from datetime import datetime

#: Anki tells decks and note types apart by number. Chosen once at random; another layout of the fields needs another one.
_DECKS: dict[Lang, int] = {"zh": 1795204863, "en": 1795204864}
_NOTE_TYPE = 1607392319
_FIELDS = ("Id", "Question", "Aspect", "Point", "Excerpt", "Said", "Corrections")
_FRONT = '<div class="question">{{Question}}</div><div class="aspect">{{Aspect}}</div>'
_BACK = (
    "{{FrontSide}}<hr id=answer>"
    '<div class="point">{{Point}}</div>'
    "{{#Excerpt}}<blockquote>{{Excerpt}}</blockquote>{{/Excerpt}}"
    '{{#Said}}<p class="said">{{Said}}</p>{{/Said}}'
    '{{#Corrections}}<div class="corrections">{{Corrections}}</div>{{/Corrections}}'
)
_STYLE = """.card { font: 18px/1.7 system-ui, "PingFang SC", "Microsoft YaHei", "Noto Sans CJK SC", sans-serif; max-width: 40em;
margin: 0 auto; text-align: left; } .question { color: #64748b; } .aspect, .point { font-weight: 600; margin-top: .6em; }
blockquote { margin: .8em 0; padding-left: .8em; border-left: 3px solid #6366f1; } .said, .corrections { font-size: .9em; }
.corrections { border-left: 3px solid #b91c1c; padding-left: .8em; } .nightMode .question { color: #cbd5e1; }"""


def to_apkg(report: Report) -> bytes:
    """An Anki package with a card for every weak point, in the interview's language. Raises NothingToLearn without any."""
    import genanki

    lang = report.session.setup.lang
    if not report.weak_points:
        raise NothingToLearn(word("nothing-to-learn", lang))
    note_type = genanki.Model(
        _NOTE_TYPE,
        "Mock interview point",
        fields=[{"name": name} for name in _FIELDS],
        templates=[{"name": "Point", "qfmt": _FRONT, "afmt": _BACK}],
        css=_STYLE,
    )
    deck = genanki.Deck(_DECKS[lang], word("deck", lang))
    for point in report.weak_points:
        key = (point.question_id, point.point_id, lang)
        tags = ["interviewer", *([re.sub(r"\s+", "_", point.topic)] if point.topic else [])]
        deck.add_note(genanki.Note(note_type, _fields(point, lang), tags=tags, guid=genanki.guid_for("interviewer", *key)))
    return _packed(genanki.Package(deck), report.session.updated_at)


def _packed(package: Any, at: datetime) -> bytes:
    """The package's bytes, dated by the interview: Anki keeps what it has unless the other is newer. Made in memory, since the
    library's own way leaves a database with the person's answers in the folder for temporary files."""
    database = sqlite3.connect(":memory:")
    try:
        package.write_to_db(database.cursor(), at.timestamp(), count(int(at.timestamp() * 1000)))
        database.commit()
        collection = database.serialize()
    finally:
        database.close()
    out = BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in (("collection.anki2", collection), ("media", b"{}")):
            archive.writestr(zipfile.ZipInfo(name, at.timetuple()[:6]), content, zipfile.ZIP_DEFLATED)
    return out.getvalue()


def _fields(point: StudyPoint, lang: Lang) -> list[str]:
    said = f"{_label('you-said', lang)}{_html(point.said)}" if point.said else ""
    if said and point.verdict is Verdict.CONTRADICTED:
        said += f" ({escape(word('contradicted', lang))})"
    corrections = "".join(
        f"<p>{_label('believed', lang)}{_html(found.belief.get(lang))}<br>"
        f"{_label('correction', lang)}{_html(found.correction.get(lang))}</p>"
        for found in point.misconceptions
    )
    aspect = point.probe.get(lang) or word("aspect-unnamed", lang)
    return [
        _html(f"{point.question_id}/{point.point_id}/{lang}"),
        _html(point.question.get(lang)),
        _html(aspect),
        _html(point.statement.get(lang)),
        _html(point.excerpt.get(lang)),
        said,
        corrections,
    ]


def _label(key: str, lang: Lang) -> str:
    return f"<b>{escape(word(key, lang))}</b> "


def _html(text: str) -> str:
    """Anki takes fields for HTML, and braces in them for nothing."""
    return escape(text).replace("\n", "<br>")
