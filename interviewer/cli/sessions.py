"""`interviewer sessions` and `export`: what was kept, and whether it can be made again."""

from __future__ import annotations

import argparse
import sys
from dataclasses import asdict
from pathlib import Path

from pydantic import TypeAdapter

from interviewer.cli.common import print_json, settings_from
from interviewer.domain.errors import InterviewerError, SessionError
from interviewer.domain.questions import Lang
from interviewer.domain.transcript import SessionInfo
from interviewer.replay import Rederived
from interviewer.report import Report, to_apkg, to_json, to_markdown
from interviewer.report.render import score_text
from interviewer.wiring import build

_INFOS = TypeAdapter(list[SessionInfo])


def sessions(args: argparse.Namespace) -> int:
    """List interviews, or delete one."""
    parts = build(settings_from(args))
    try:
        if args.delete:
            parts.interviews.delete(args.delete)
            return 0
        infos = parts.interviews.list()
        if args.json:
            print_json(_INFOS.dump_python(infos, mode="json"))
            return 0
        for info in infos:
            score = score_text(info.score, None, None, "en")
            setup = info.setup
            print(
                f"{info.id}  {info.created_at:%Y-%m-%d %H:%M}  {info.status:<8}  {setup.lang} {setup.mode:<8}  "
                f"{info.questions_asked}/{setup.questions}  {score}"
            )
        if not infos:
            print("no interviews yet")
        return 0
    finally:
        parts.close()


def export(args: argparse.Namespace) -> int:
    """Write one interview's report; with --replay make its assessments again. Status 1 when one comes out differently."""
    parts = build(settings_from(args))
    try:
        session_id = args.id
        if session_id == "last":
            infos = parts.interviews.list(1)
            if not infos:
                raise SessionError("there are no interviews yet")
            session_id = infos[0].id
        report_of = parts.interviews.report if args.format == "anki" else parts.interviews.full_report  # no passages on cards
        report = report_of(session_id)
        if report.session.setup.mode == "real" and report.session.status == "running":
            raise SessionError("this is a real interview and still running; its report comes when it is over")
        if args.replay:
            return _replay(parts.rederive(session_id), as_json=args.json)
        form = "json" if args.json else args.format
        _write(_exported(report, form, args.lang or report.session.setup.lang), args.out)
        return 0
    finally:
        parts.close()


def _exported(report: Report, form: str, lang: Lang) -> bytes:
    if form == "anki":
        return to_apkg(report)
    return (to_json(report) + "\n" if form == "json" else to_markdown(report, lang)).encode("utf-8")


def _write(content: bytes, out: Path | None) -> None:
    """To a file, or to standard output where a program or a file takes it. Raises InterviewerError."""
    if out is not None:
        try:
            out.write_bytes(content)
        except OSError as error:
            raise InterviewerError(f"{out}: {error.strerror}") from error
        return
    if sys.stdout.isatty() and b"\0" in content:
        raise InterviewerError("a deck is no text: name a file with --out, for example --out weak-points.apkg")
    sys.stdout.flush()
    sys.stdout.buffer.write(content)
    sys.stdout.buffer.flush()


def _replay(again: list[Rederived], *, as_json: bool) -> int:
    same = sum(one.same for one in again)
    if as_json:
        print_json({"same": same, "of": len(again), "assessments": [{**asdict(one), "same": one.same} for one in again]})
    else:
        for one in again:
            made_by = one.grader.model or "built-in"
            score = score_text(one.score, None, None, "en")
            print(f"turn {one.turn:<4} {one.question_id}  {made_by}  {score}  {'same' if one.same else 'DIFFERENT'}")
            if not one.same:
                known = one.changes or ("nothing that was recorded has changed",)
                print("".join(f"    {line}\n" for line in (*one.differences, *(f"because: {line}" for line in known))), end="")
        print(f"{same} of {len(again)} assessments come out the same")
    return 0 if same == len(again) else 1
