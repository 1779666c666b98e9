"""`interviewer chat`: the same interview in a terminal."""

from __future__ import annotations

import argparse
import io
import sys
from collections.abc import Iterator

from interviewer.cli.common import settings_from, terminal_language
from interviewer.cli.grade import print_assessment
from interviewer.domain.errors import ConfigError
from interviewer.domain.questions import Lang, LocalText
from interviewer.domain.transcript import Setup, Speaker, TurnKind, company_name
from interviewer.report import to_markdown
from interviewer.session import Committed, Ended, Interview, QuestionClosed, Spoken, Update
from interviewer.wiring import EngineState, Parts, build

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


_MODEL: dict[EngineState, LocalText] = {
    "ready": LocalText(
        "（模型 {name} 已就绪，从下一题起由它来问。）", "(The model {name} is ready and takes over at the next question.)"
    ),
    "failed": LocalText(
        "（模型 {name} 用不了：{detail}；由内置面试官继续。）",
        "(The model {name} can't be used: {detail}; the built-in interviewer carries on.)",
    ),
    "resting": LocalText(
        "（模型 {name} 暂时用不了：{detail}；由内置面试官继续，稍后再试模型。）",
        "(The model {name} can't be used for now: {detail}; the built-in interviewer carries on and tries it again later.)",
    ),
    "talking": LocalText(
        "（模型 {name} 暂时不能评分：{detail}；由内置评分代替。）",
        "(The model {name} can't judge for now: {detail}; the built-in grader does.)",
    ),
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
    if args.today:
        return parts.coach.sitting(args.lang or terminal_language())
    topics = tuple(dict.fromkeys(topic.strip() for topic in args.topics.split(",") if topic.strip()))
    known = {question.topic for question in parts.bank}
    unknown = [topic for topic in topics if topic not in known]
    if unknown:
        raise ConfigError(f"no topic {', '.join(unknown)}; there are {', '.join(sorted(known))}")
    lang: Lang = args.lang or terminal_language()
    return Setup(
        lang, args.mode, topics, args.level, args.questions, max(args.minutes, 0), seed=args.seed,
        persona=args.persona, company=company_name(args.company),
    )  # fmt: skip


def _hold(interview: Interview, parts: Parts) -> int:
    lang = interview.setup.lang
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(errors="replace")  # a stray byte is no reason to lose the interview
    told: EngineState = "none"
    print(_HELP[lang] + "\n", file=sys.stderr)
    for turn in interview.turns:
        print(("" if turn.speaker is Speaker.INTERVIEWER else "> ") + turn.text + "\n")
    _show(interview.proceed(), parts, lang)
    while not interview.finished:
        told = _tell_model(parts, told, lang)
        try:
            text = input("> ").strip()
        except (EOFError, KeyboardInterrupt):
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


def _tell_model(parts: Parts, told: EngineState, lang: Lang) -> EngineState:
    """Say once when the model that was asked for is ready, or why it can't be used."""
    status = parts.engine_status()
    if status.state != told and status.state in _MODEL:
        print(_MODEL[status.state].get(lang).format(name=status.name, detail=status.detail) + "\n", file=sys.stderr)
    return status.state


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
