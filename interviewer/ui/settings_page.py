"""The settings tab: the interviewer, the recogniser, looks, and the person's data. Only puts its sections together."""

from __future__ import annotations

import asyncio
from typing import Any

from interviewer.ui.live import LiveInterviews
from interviewer.ui.room import EVENT, Changes
from interviewer.ui.settings_data import DataSection
from interviewer.ui.settings_model import ModelSection
from interviewer.ui.settings_reading import ReadingSection
from interviewer.ui.settings_voice import VoiceSection
from interviewer.ui.words import Words
from interviewer.wiring import Parts


class SettingsPage:
    """Built inside the tab."""

    def __init__(self, parts: Parts, lives: LiveInterviews, words: Words) -> None:
        self._words = words
        self.model = ModelSection(parts, words)
        self.voice = VoiceSection(parts, words)
        self.readings = [ReadingSection(parts, words, lang) for lang in (words.lang, words.other)]
        self.data = DataSection(parts, lives, words)

    def build(self, blocks: Any, tab: Any) -> None:
        """Create the components inside the Blocks context that is open; `tab` is the one they stand in."""
        self.model.build(blocks)
        self.voice.build(blocks)
        for reading in self.readings:
            reading.build(blocks)
        self.data.build()
        shown = [self.data.view, *(part for reading in self.readings for part in reading.outputs)]
        tab.select(self._opened, None, [*self.model.outputs, *self.voice.outputs, *shown], **EVENT).then(
            self.model.suggested, None, self.model.suggestion, **EVENT
        )

    async def _opened(self) -> Changes:
        """What is known at once; what has to be looked for on the machine comes after it."""
        changes = self.model.opened() | await asyncio.to_thread(self.voice.opened) | await asyncio.to_thread(self.data.news)
        for reading in self.readings:
            changes |= reading.news()
        return changes
