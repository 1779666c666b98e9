"""The browser interview with the settings of the environment: `python app.py`. Also what a Hugging Face Space runs.

Every INTERVIEWER_* variable applies (see `interviewer/config.py`). Where they say nothing, what a hosting service says in its
own variables is taken: the address to listen on, the public name, and that its site shows the page in a frame.
"""

from __future__ import annotations

import os
import sys
from collections.abc import MutableMapping

from interviewer.cli import program

_HOSTED = {
    "INTERVIEWER_HOST": "GRADIO_SERVER_NAME",
    "INTERVIEWER_PORT": "GRADIO_SERVER_PORT",
    "INTERVIEWER_ALLOWED_HOSTS": "SPACE_HOST",
}


def adopt_hosting(environ: MutableMapping[str, str]) -> None:
    """Give our variables the values of the hosting service's, where ours are not set."""
    for ours, theirs in _HOSTED.items():
        if environ.get(theirs):
            environ.setdefault(ours, environ[theirs])
    if environ.get("SPACE_HOST"):
        environ.setdefault("INTERVIEWER_FRAMED", "1")


if __name__ == "__main__":
    adopt_hosting(os.environ)
    sys.exit(program(["serve", "--no-browser", *sys.argv[1:]]))
