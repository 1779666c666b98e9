"""The voice bar under the answer box: microphone, hands-free listening, reading aloud.

All of it happens in the browser and over the plain routes of `voice_routes`; Gradio only puts it in its place.
"""

from __future__ import annotations

import json
from typing import Any

import gradio as gr

from interviewer.domain.errors import VOICE_PROBLEMS
from interviewer.ui.html import render, static
from interviewer.ui.words import Words

#: Seconds of silence after which hands-free listening may end; people think for two or three in mid-answer.
PAUSES = (2, 3, 4, 6, 8)
RATES = (0.8, 1, 1.2, 1.5)
#: Texts that the script sets, besides a problem's.
_TEXTS = (
    "speak", "finish", "heard_as", "aloud_off", "checking", "loading", "failed_load", "none", "none_small", "none_yet",
    "neural_ready", "neural_loading", "neural_failed", "neural_failed_own", "neural_failed_mute", "neural_unsayable_own",
    "neural_unsayable_mute", "insecure", "refused", "no_microphone", "broken", "asking", "recording", "listening", "ending",
    "hearing", "done", "nobody",
)  # fmt: skip


def voice_box(words: Words) -> Any:
    """The bar's component, inside the Blocks context that is open."""
    texts = {name: words(f"voice_{name}") for name in _TEXTS}
    texts |= {f"problem_{kind}": words(f"voice_problem_{kind}") for kind in (*VOICE_PROBLEMS, "unreachable")}
    return gr.HTML(
        {},
        html_template=render("voice", words, texts=json.dumps(texts), pauses=PAUSES, rates=RATES),
        js_on_load="\n".join(static(name) for name in ("recorder.js", "neural.js", "aloud.js", "voice.js")),
        apply_default_css=False,
        elem_id="voice",
    )
