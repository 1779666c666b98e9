"""The set-up: what a person chooses before an interview.

Every choice has a sensible value already, so that a first visitor only presses Start.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import gradio as gr

from interviewer.domain.questions import LANGS, Bank
from interviewer.domain.transcript import LONGEST_COMPANY, PERSONAS, Persona, Setup, company_name
from interviewer.ui.html import render
from interviewer.ui.room_view import who_speaks
from interviewer.ui.words import Words
from interviewer.wiring import Parts

LEVELS = (1, 2, 3)
QUESTIONS, QUESTIONS_AT_MOST = 5, 20
MINUTES = (0, 10, 15, 20, 30, 45, 60)
FOLLOW_UPS_AT_MOST = 4
#: Where the browser keeps the choices, for both languages and every restart: a switch of language or a reload loses none.
_STORAGE = {"storage_key": "interviewer-setup", "secret": "interviewer"}


def topic_choices(bank: Bank, words: Words) -> list[tuple[str, str]]:
    """(label with its question count, topic), in the bank's order; a topic that is a person's own document says so."""
    counts = Counter(question.topic for question in bank)
    authored = {question.topic for question in bank if question.origin == "authored"}

    def label(topic: str, n: int) -> str:
        title = bank.topic_title(topic, words.lang)
        return words("topic_choice", title=title, n=n) if topic in authored else words("topic_own", title=title, n=n)

    return [(label(topic, n), topic) for topic, n in counts.items()]


def pool_note(bank: Bank, words: Words, topics: Sequence[str], questions: int) -> str:
    """How many questions the choice leaves, and a warning when that is fewer than asked for."""
    n = sum(not topics or question.topic in topics for question in bank)
    if not len(bank):
        return words("bank_empty")
    return words("pool_short", n=n) if n < questions else words("pool", n=n)


def whole_number(low: int, high: int, value: int, label: str, elem_id: str) -> Any:
    """A slider whose number box may be emptied or mistyped; Gradio itself answers that with "Error" and a trace in the log.

    Its method is replaced because Gradio writes a stub file beside every module that subclasses a component.
    """
    slider = gr.Slider(low, high, value=value, step=1, label=label, elem_id=elem_id, buttons=[])
    slider.preprocess = lambda payload: _within(payload, low, high, low)
    return slider


class SetupForm:
    """The form's components. `inputs` are read by `setup_from`, in that order."""

    def __init__(self, parts: Parts, words: Words) -> None:
        self._parts, self._words = parts, words

    def build(self) -> None:
        """Create the components inside the Blocks context that is open."""
        words = self._words
        self.kept = gr.BrowserState(None, **_STORAGE)
        gr.HTML(render("welcome", words), apply_default_css=False, elem_id="welcome")
        self.who = gr.HTML(self.who_html(), apply_default_css=False, elem_id="who-asks")
        with gr.Row(elem_id="choices"):
            with gr.Column(min_width=300):
                self.mode = gr.Radio(
                    [(words("mode_practice"), "practice"), (words("mode_real"), "real")],
                    value="practice", label=words("mode"), elem_id="mode",
                )  # fmt: skip
                self.level = gr.Radio(
                    [(words(f"level_{n}"), n) for n in LEVELS], value=2, label=words("level"), elem_id="level"
                )
                self.lang = gr.Radio(
                    [(words(f"lang_{lang}"), lang) for lang in LANGS], value=words.lang, label=words("language"), elem_id="lang"
                )
                self.questions = whole_number(1, QUESTIONS_AT_MOST, QUESTIONS, words("questions"), "questions")
                self.minutes = gr.Dropdown(
                    [(words("minutes_n", n=n) if n else words("minutes_none"), n) for n in MINUTES],
                    value=0, label=words("minutes"), elem_id="minutes", filterable=False,
                )  # fmt: skip
                self.start = gr.Button(words("start"), variant="primary", size="lg", elem_id="start")
            with gr.Column(min_width=300):
                self.topics = gr.CheckboxGroup(
                    topic_choices(self._parts.bank, words), label=words("topics"), info=words("topics_info"), elem_id="topics"
                )
                self.pool = gr.HTML(self._pool([], QUESTIONS), apply_default_css=False, elem_id="pool")
        with gr.Accordion(words("more_options"), open=False, elem_id="more"):
            self.adaptive = gr.Checkbox(True, label=words("adaptive"), elem_id="adaptive")
            self.follow_ups = whole_number(0, FOLLOW_UPS_AT_MOST, 2, words("follow_ups"), "follow-ups")
            self.persona = gr.Radio(
                [(words(f"persona_{persona}"), persona) for persona in PERSONAS],
                value=PERSONAS[0], label=words("persona"), info=words("persona_info"), elem_id="persona",
            )  # fmt: skip
            self.company = gr.Textbox(
                label=words("company"), info=words("company_info"), max_length=LONGEST_COMPANY, max_lines=1, elem_id="company"
            )
            self.confidence = gr.Checkbox(True, label=words("confidence"), elem_id="confidence")
        with gr.Accordion(words("add_heading"), open=False, elem_id="add"):
            gr.HTML(f'<p class="aside">{words("add_info")}</p>', apply_default_css=False)
            self.add = gr.Button(words("bank_go_add"), size="md", elem_id="go-add")
        quiet: dict[str, Any] = {"api_visibility": "private", "show_progress": "hidden", "concurrency_limit": None}
        for choice in (self.topics.change, self.questions.change):
            choice(self._pool, [self.topics, self.questions], self.pool, **quiet)
        for choice in self.inputs:
            chosen = "true" if choice is self.lang else "Boolean(kept && kept.lang)"
            keep = f"(kept, ...values) => ({{ values, lang: {chosen} }})"
            made = choice.blur if choice is self.company else choice.input  # a text box tells of input before it has it
            made(None, [self.kept, *self.inputs], self.kept, js=keep, **quiet)

    @property
    def inputs(self) -> list[Any]:
        numbers = [self.level, self.questions, self.minutes, self.adaptive, self.follow_ups]
        return [self.lang, self.mode, self.topics, *numbers, self.persona, self.company, self.confidence]

    def refreshed(self, topics: Sequence[str] | None = None, questions: float = QUESTIONS) -> dict[Any, Any]:
        """What the form shows as of now: a page is built once, while the bank grows and a model gets ready.

        `topics` and `questions` are what is chosen; a page that opens has the form's first values.
        """
        choices = gr.update(choices=topic_choices(self._parts.bank, self._words))
        return {self.topics: choices, self.pool: self._pool(topics, questions), self.who: self.who_html()}

    def restored(self, kept: Any) -> dict[Any, Any]:
        """The form as this browser left it, as far as that still makes sense, and as of now."""
        values = kept.get("values") if isinstance(kept, dict) else None
        if not isinstance(values, list) or len(values) != len(self.inputs):
            return self.refreshed()
        setup = setup_from(*values)
        known = {question.topic for question in self._parts.bank}
        topics = [topic for topic in setup.topics if topic in known]
        changes = self.refreshed(topics, setup.questions)
        changes[self.topics] = gr.update(choices=topic_choices(self._parts.bank, self._words), value=topics)
        if kept.get("lang"):  # one that nobody chose goes with the interface
            changes[self.lang] = setup.lang
        return changes | {
            self.mode: setup.mode,
            self.level: setup.level,
            self.questions: setup.questions,
            self.minutes: setup.minutes if setup.minutes in MINUTES else 0,
            self.adaptive: setup.adaptive,
            self.follow_ups: setup.follow_ups,
            self.persona: setup.persona,
            self.company: setup.company,
            self.confidence: setup.confidence,
        }

    def who_html(self) -> str:
        who, limits = who_speaks(self._parts.engine_status(), self._words)
        return render("who", self._words, who=who, limits=limits)

    def _pool(self, topics: Sequence[str] | None, questions: float) -> str:
        return render("pool", self._words, text=pool_note(self._parts.bank, self._words, topics or [], int(questions)))


def setup_from(*values: Any) -> Setup:
    """The set-up the form's values describe. Values come over HTTP, so anything out of range is brought back into it."""
    lang, mode, topics, level, questions, minutes, adaptive, follow_ups, persona, company, confidence = values
    return Setup(
        lang="en" if lang == "en" else "zh",
        mode="real" if mode == "real" else "practice",
        topics=tuple(str(topic) for topic in topics) if isinstance(topics, list | tuple) else (),
        level=_within(level, 1, 3, 2),
        questions=_within(questions, 1, QUESTIONS_AT_MOST, QUESTIONS),
        minutes=_within(minutes, 0, max(MINUTES), 0),
        adaptive=bool(adaptive),
        follow_ups=_within(follow_ups, 0, FOLLOW_UPS_AT_MOST, 2),
        persona=_persona(persona),
        company=company_name(company) if isinstance(company, str) else "",
        confidence=bool(confidence),
    )


def _persona(value: Any) -> Persona:
    return next((persona for persona in PERSONAS if persona == value), PERSONAS[0])


def _within(value: Any, low: int, high: int, default: int) -> int:
    try:
        return min(high, max(low, int(value)))
    except (TypeError, ValueError, OverflowError):  # OverflowError: infinity
        return default
