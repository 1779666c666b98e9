"""Recorded replies of a model to the grader's prompts: `python -m evals.cassette render|record FILE`.

A cassette keeps the model path honest where no model is at hand: answers with their labels, and for each the reply to exactly
the prompt that the grader sends for it (known by its digest) when a server tells no probabilities. It carries its own copy of
the questions, so that editing the bank doesn't spoil it; editing a prompt does, and then

    python -m evals.cassette render FILE     writes the prompts, with the replies that still hold
    python -m evals.cassette record FILE     takes the replies back, once every `reply` in FILE is filled in

with a model's own words, nothing improved. It measures nothing; tests/test_grading_cassette.py does.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from interviewer.config import prompts_dir
from interviewer.domain.errors import EngineError, InterviewerError
from interviewer.domain.questions import Bank
from interviewer.grading import BuiltinGrader, ModelGrader
from interviewer.ports import Engine, GradingItem
from interviewer.prompting import load_prompts

FOLDER = Path(__file__).parent / "cassettes"
CASSETTE = FOLDER / "grading_json.jsonl"
QUESTIONS = FOLDER / "grading_questions.yaml"


@dataclass(frozen=True, slots=True)
class Row:
    """One labelled answer, the digest of its prompt and the reply; both None when the gates leave nothing to ask."""

    id: str
    question_id: str
    kind: str
    lang: str
    answer: str
    labels: Mapping[str, int]
    overall: float
    digest: str | None
    reply: str | None


@dataclass(frozen=True, slots=True)
class Cassette:
    """`about` says how the replies were made."""

    about: Mapping[str, Any]
    rows: tuple[Row, ...]
    bank: Bank

    def item(self, row: Row) -> GradingItem:
        question = self.bank.get(row.question_id)
        if question is None:
            raise InterviewerError(f"{QUESTIONS.name} lacks the question {row.question_id}")
        return GradingItem(question, row.answer)

    def grader(self, engine: Engine) -> ModelGrader:
        """The model grader as it is now, on the cassette's own questions."""
        return ModelGrader(engine, load_prompts(prompts_dir()), BuiltinGrader(self.bank), bank=self.bank)


def load(path: Path = CASSETTE, questions: Path = QUESTIONS) -> Cassette:
    """Raises InterviewerError for a missing or broken file."""
    from interviewer.ingest.bankfile import load_bank

    try:
        about, *rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
        return Cassette(about, tuple(Row(**row) for row in rows), load_bank([questions]))
    except (OSError, ValueError, TypeError) as error:
        raise InterviewerError(f"{path}: no cassette ({error})") from error


def digest(messages: Sequence[Mapping[str, str]]) -> str:
    """What a prompt is known by: every role and every character, as sent to the server."""
    text = json.dumps([[m["role"], m["content"]] for m in messages], ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]


def prompts_of(cassette: Cassette) -> list[tuple[Row, list[dict[str, str]] | None]]:
    """For every answer the messages that the grader sends for it today; None when it sends none."""
    from interviewer.engines import Reply, ScriptedEngine

    nothing = Reply(fail=EngineError("only the prompt is wanted"))
    engine = ScriptedEngine(lambda _: nothing)
    grader = cassette.grader(engine)
    found: list[tuple[Row, list[dict[str, str]] | None]] = []
    for row in cassette.rows:
        engine.requests.clear()
        grader.grade(cassette.item(row))
        sent = [{"role": m.role, "content": m.content} for r in engine.requests[:1] for m in r.messages]
        found.append((row, sent or None))
    return found


def stale(cassette: Cassette) -> list[str]:
    """Ids of the answers whose prompt is no longer the recorded one."""
    return [row.id for row, sent in prompts_of(cassette) if (digest(sent) if sent else None) != row.digest]


def render(cassette: Cassette, path: Path) -> int:
    """Write `{"id", "digest", "messages", "reply"}` for every prompt; returns how many replies are still to be made."""
    lines = []
    for row, messages in prompts_of(cassette):
        if messages:
            known = digest(messages)
            reply = row.reply if known == row.digest else None
            lines.append({"id": row.id, "digest": known, "messages": messages, "reply": reply})
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")
    return sum(line["reply"] is None for line in lines)


def record(cassette: Cassette, path: Path) -> Cassette:
    """The cassette with the replies of a rendered file. Raises InterviewerError when one is missing or for another prompt."""
    given = {line["id"]: line for line in map(json.loads, path.read_text(encoding="utf-8").splitlines())}
    rows = []
    for row, messages in prompts_of(cassette):
        if messages is None:
            rows.append(replace(row, digest=None, reply=None))
            continue
        line = given.get(row.id, {})
        if line.get("digest") != digest(messages) or not line.get("reply"):
            raise InterviewerError(f"{path}: {row.id} has no reply to today's prompt: render again and fill it in")
        rows.append(replace(row, digest=digest(messages), reply=line["reply"]))
    return replace(cassette, rows=tuple(rows))


def save(cassette: Cassette, path: Path = CASSETTE) -> None:
    lines = [cassette.about, *map(asdict, cassette.rows)]
    path.write_text("".join(json.dumps(line, ensure_ascii=False) + "\n" for line in lines), encoding="utf-8")


def main(argv: Sequence[str] | None = None) -> int:
    """Exit status: 0 done, 1 something is missing."""
    parser = argparse.ArgumentParser(prog="python -m evals.cassette", description="Re-record replies that tests replay.")
    parser.add_argument("step", choices=("render", "record"))
    parser.add_argument("file", type=Path, help="JSON lines: the prompts, each with its reply")
    args = parser.parse_args(argv)
    try:
        cassette = load()
        if args.step == "render":
            print(f"{render(cassette, args.file)} replies to fill in, in {args.file}")
        else:
            save(record(cassette, args.file))
            print(f"recorded. Say in the first line of {CASSETTE} who replied, and when")
    except (InterviewerError, OSError, ValueError) as error:
        print(f"evals.cassette: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
