"""Arguments in, exit status out: 0 done, 1 a person's mistake or a missing part (one line on stderr), 2 wrong usage."""

from __future__ import annotations

import argparse
import atexit
import logging
import os
import sys
import threading
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TypeAlias

from interviewer import __version__
from interviewer.config import ENGINE_KINDS
from interviewer.domain.errors import InterviewerError
from interviewer.domain.transcript import PERSONAS


def program(argv: Sequence[str] | None = None) -> int:
    """`main` as the whole of a process, which then ends with the status returned, whatever its threads are in the middle of.

    A thread that loads a model or is inside a forward pass can't be stopped, and Python taking itself down around it ends in
    an abort (up to 3.13: python/cpython#87135). So where any is left, the process leaves once everything is written.
    """
    ended: list[int] = []

    @atexit.register  # before any library's own, so that theirs have run by then
    def leave() -> None:
        if ended and any(thread.daemon for thread in threading.enumerate()):
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(ended[0])

    ended.append(main(argv))
    return ended[0]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command. Returns its exit status; errors a person can mend are printed here, once."""
    parser = build_parser()
    args = parser.parse_args(argv)
    logging.basicConfig(level=logging.INFO if args.verbose else logging.ERROR, format="%(levelname)s %(name)s: %(message)s")
    _stay_private()
    module, _, function = args.run.partition(":")
    try:
        status: int = getattr(import_module(f"interviewer.cli.{module}"), function)(args)
    except InterviewerError as error:
        print(f"interviewer: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return 130
    except BrokenPipeError:  # `interviewer search … | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return status


def _stay_private() -> None:
    """Libraries that would call home are told not to, before they are imported."""
    for name, value in {
        "GRADIO_ANALYTICS_ENABLED": "False",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "DO_NOT_TRACK": "1",
        "FASTAPI_OTEL_AUTO_CONFIGURE": "false",
        "TOKENIZERS_PARALLELISM": "false",
    }.items():
        os.environ.setdefault(name, value)


def build_parser() -> argparse.ArgumentParser:
    """The whole command line."""
    parser = argparse.ArgumentParser(prog="interviewer", description="A mock interviewer that runs on your machine.")
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    parser.add_argument("-v", "--verbose", action="store_true", help="log what goes on to stderr")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    _serve(commands)
    _chat(commands)
    _documents(commands)
    _grade(commands)
    _sessions(commands)
    doctor = _command(commands, "doctor", "doctor:doctor", "say what was found on this machine and what will be used, and why")
    _engine_options(doctor)
    _speech_options(doctor)
    _json_option(doctor)
    return parser


_Commands: TypeAlias = "argparse._SubParsersAction[argparse.ArgumentParser]"


def _command(commands: _Commands, name: str, run: str, help_text: str) -> argparse.ArgumentParser:
    parser = commands.add_parser(name, help=help_text, description=help_text[0].upper() + help_text[1:] + ".")
    parser.set_defaults(run=run)
    parser.add_argument("--data", type=Path, help="folder for interviews, banks and the index")
    return parser


def _json_option(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print JSON for programs")


def _engine_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("model")
    group.add_argument(
        "--engine", choices=ENGINE_KINDS, help="who phrases and judges (default: built-in, or what the rest implies)"
    )
    group.add_argument("--model", help="model name or folder")
    group.add_argument("--base-url", help="OpenAI-compatible server, for example http://127.0.0.1:8000/v1")
    group.add_argument("--download", action="store_true", default=None, help="fetch the model from its hub if it isn't here")


def _speech_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("speech")
    group.add_argument("--recogniser", metavar="NAME", help="speech recogniser for the microphone: a model name or folder")
    for lang, language in (("zh", "Chinese"), ("en", "English")):
        group.add_argument(
            f"--voice-{lang}", metavar="NAME",
            help=f"text-to-speech model that reads {language} aloud: a model name or folder (default: the browser's voice)",
        )  # fmt: skip


def _serve(commands: _Commands) -> None:
    parser = _command(commands, "serve", "serve:serve", "open the interview in a browser")
    parser.add_argument("--host", help="address to listen on (default 127.0.0.1: this machine only)")
    parser.add_argument("--port", type=int, help="port (default 7860)")
    parser.add_argument("--no-browser", action="store_true", help="don't open a browser window")
    _engine_options(parser)
    _speech_options(parser)


def _chat(commands: _Commands) -> None:
    parser = _command(commands, "chat", "chat:chat", "hold an interview in the terminal")
    parser.add_argument("--lang", choices=("zh", "en"), help="language of the interview (default: the terminal's)")
    parser.add_argument("--mode", choices=("practice", "real"), default="practice", help="practice gives hints and feedback")
    parser.add_argument("--topics", default="", help="comma-separated topics (default: all)")
    parser.add_argument("--level", type=int, choices=(1, 2, 3), default=2, help="where to start: 1 easy, 3 hard")
    parser.add_argument("--questions", type=_positive, default=5, help="how many questions")
    parser.add_argument("--minutes", type=int, default=0, help="time limit (default: none)")
    parser.add_argument("--persona", choices=PERSONAS, default="neutral", help="the interviewer's manner; grading is the same")
    parser.add_argument("--company", default="", metavar="NAME", help="a company to play the interview at")
    parser.add_argument("--seed", type=int, default=0, help="fix every choice (default: random)")
    parser.add_argument(
        "--today", action="store_true", help="ten minutes of practice on what is due for review, whatever else is set"
    )
    parser.add_argument("--resume", metavar="ID", help="go on with an interview (see: interviewer sessions)")
    _engine_options(parser)


def _documents(commands: _Commands) -> None:
    ingest = _command(commands, "ingest", "documents:ingest", "read question documents and report what they hold")
    ingest.add_argument("files", nargs="+", type=Path, metavar="FILE")
    ingest.add_argument("--save", metavar="NAME", help="keep the questions as your own bank of that name")
    _json_option(ingest)
    index = _command(commands, "index", "documents:index", "build the search index, or check bank files")
    index.add_argument("files", nargs="*", type=Path, metavar="FILE", help="documents to add as background reading")
    index.add_argument("--check", nargs="+", type=Path, metavar="BANK", help="check bank files instead of building")
    _json_option(index)
    search = _command(commands, "search", "documents:search", "find passages")
    search.add_argument("query")
    search.add_argument("--k", type=_positive, default=5, help="how many passages")
    _json_option(search)


def _grade(commands: _Commands) -> None:
    parser = _command(commands, "grade", "grade:grade", "grade one answer, or a file of them")
    parser.add_argument("--question", metavar="ID|TEXT", help="a bank question's id or its words")
    parser.add_argument("--answer", metavar="TEXT|-", help="the answer; - reads standard input")
    parser.add_argument("--reference", help="a reference answer, for a question that isn't in the bank")
    parser.add_argument("--batch", metavar="IN.jsonl", help="one answer a line; - reads standard input")
    parser.add_argument("--out", metavar="OUT.jsonl", help="where the graded lines go; - writes standard output")
    parser.add_argument("--lang", choices=("zh", "en"), help="language of the printed feedback")
    _json_option(parser)
    _engine_options(parser)


def _sessions(commands: _Commands) -> None:
    sessions = _command(commands, "sessions", "sessions:sessions", "list interviews, newest first")
    sessions.add_argument("--delete", metavar="ID", help="remove one for good")
    _json_option(sessions)
    export = _command(commands, "export", "sessions:export", "write an interview's report")
    export.add_argument("id", help="an interview's id, or `last`")
    export.add_argument(
        "--format", choices=("md", "json", "anki"), default="md", help="anki: a deck of the points that were missed (.apkg)"
    )
    export.add_argument("--lang", choices=("zh", "en"), help="language of the report (default: the interview's)")
    export.add_argument("--out", type=Path, help="file to write (default: standard output)")
    export.add_argument(
        "--replay", action="store_true", help="make every assessment again from what was stored, and say what differs"
    )
    _json_option(export)


def _positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number
