"""What runs on this machine, for people: interviewer, encoder, bank, data folder, settings. The browser's short `doctor`."""

from __future__ import annotations

from collections import Counter

from interviewer.ui.html import render
from interviewer.ui.room_view import who_speaks
from interviewer.ui.words import Words
from interviewer.wiring import Parts


def about_html(parts: Parts, words: Words) -> str:
    """As of now; the engine may have finished loading since."""
    who, limits = who_speaks(parts.engine_status(), words)
    counts = Counter(question.topic for question in parts.bank)
    return render(
        "about",
        words,
        who=who,
        limits=limits,
        encoder=parts.settings.encoder,
        questions=len(parts.bank),
        topics=[(parts.bank.topic_title(topic, words.lang), n) for topic, n in counts.items()],
        data=parts.settings.data,
        settings=list(parts.settings.describe().items()),
    )
