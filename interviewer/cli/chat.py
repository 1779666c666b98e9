"""`interviewer chat`: the same interview in a terminal."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator

from interviewer.cli.common import settings_from, terminal_language
from interviewer.cli.grade import print_assessment
from interviewer.domain.errors import ConfigError
from interviewer.domain.questions import Lang
from interviewer.domain.transcript import Setup, Speaker, TurnKind
from interviewer.report import to_markdown
from interviewer.session import Committed, Ended, Interview, QuestionClosed, Spoken, Update
from interviewer.wiring import Parts, build

_COMMANDS = {
    "/hint": TurnKind.HINT_REQUEST,
    "/skip": TurnKind.SKIP,
    "/again": TurnKind.CLARIFY_REQUEST,
    "/end": TurnKind.END,
}
_HELP: dict[Lang, str] = {
    "zh": "直接输入回答，回车发送。/hint 提示，/again 换个问法，/skip 跳过，/end 结束；Ctrl-D 暂停，之后可以继续。",
    "en": "Type your answer, Enter sends. /hint, /again (rephrase), /skip, /end; Ctrl-D pauses, to be resumed later.",
}
_PAUSED: dict[Lang, str] = {
    "zh": "已暂停。继续：interviewer chat --resume {id}",
    "en": "Paused. Go on with: interviewer chat --resume {id}",
}


def chat(args: argparse.Namespace) -> int:
    """Hold an interview until it ends or the input does."""
    parts = build(settings_from(args))
    try:
        interview = parts.interviews.open(args.resume) if args.resume else parts.interviews.start(_setup(args, parts))
        return _hold(interview, parts)
    finally:
        parts.close()


def _setup(args: argparse.Namespace, parts: Parts) -> Setup:
    topics = tuple(topic.strip() for topic in args.topics.split(",") if topic.strip())
    known = {question.topic for question in parts.bank}
    unknown = [topic for topic in topics if topic not in known]
    if unknown:
        raise ConfigError(f"no topic {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    lang: Lang = args.lang or terminal_language()
    return Setup(lang, args.mode, topics, args.level, args.questions, max(args.minutes, 0), seed=args.seed)


def _hold(interview: Interview, parts: Parts) -> int:
    lang = interview.setup.lang
    print(_HELP[lang] + "\n", file=sys.stderr)
    if interview.turns:
        for turn in interview.turns:
            print(("" if turn.speaker is Speaker.INTERVIEWER else "> ") + turn.text + "\n")
    _show(interview.proceed(), parts, lang)
    while not interview.finished:
        try:
            text = input("> ").strip()
        except EOFError:
            print("\n" + _PAUSED[lang].format(id=interview.id), file=sys.stderr)
            return 0
        print()
        if not text:
            continue
        if text.startswith("/") and text not in _COMMANDS:
            print(_HELP[lang] + "\n", file=sys.stderr)
            continue
        kind = _COMMANDS.get(text)
        _show(interview.request(kind) if kind else interview.say(text), parts, lang)
    print("\n" + to_markdown(parts.interviews.report(interview.id), lang))
    return 0


def _show(updates: Iterator[Update], parts: Parts, lang: Lang) -> None:
    for update in updates:
        if isinstance(update, Spoken):
            print(update.delta, end="", flush=True)
        elif isinstance(update, Committed) and update.turn.speaker is Speaker.INTERVIEWER:
            print("\n")
        elif isinstance(update, QuestionClosed):
            _feedback(update, parts, lang)
        elif isinstance(update, Ended):
            return


def _feedback(closed: QuestionClosed, parts: Parts, lang: Lang) -> None:
    """What practice mode shows once a question is over."""
    if closed.assessment is not None:
        print_assessment(closed.assessment, parts.bank.get(closed.question_id), lang)
        print()
