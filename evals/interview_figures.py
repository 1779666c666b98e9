"""Figures and tables over simulated interviews. Plain arithmetic on `simulation.Held`; runs nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from itertools import combinations

from evals.candidates import Wording
from evals.measures import NAN, interval, spearman
from evals.results import Bar, Chart, Table
from evals.simulation import Aim, Held
from interviewer.dialogue.state import EndOfQuestion
from interviewer.domain.transcript import TurnKind

#: Candidates whose knowledge differs by less are no pair to be put in order.
PAIR_GAP = 0.1
#: Resamplings of the candidates for an interval.
_TIMES = 200
#: What stands for a model's words that were said as they were.
AS_PHRASED = "as the model put it"
#: Rows of example tables.
_EXAMPLES = 25
#: What had been said of a point, by label.
_TRUTH = {0: "missing", -1: "stated wrongly", 1: "touched", 2: "already stated", None: "no point in particular"}

Figure = Callable[[Sequence[Held]], float]


def _ratio(part: float, whole: float) -> float:
    return part / whole if whole else NAN


def _aims(held: Iterable[Held]) -> list[Aim]:
    return [aim for h in held for aim in h.aims]


def pairwise(held: Sequence[Held]) -> float:
    """Share of pairs of candidates whose knowledge differs that the score puts in the right order; ties count half."""
    pairs = [(a, b) if a.knew > b.knew else (b, a) for a, b in combinations(held, 2) if abs(a.knew - b.knew) >= PAIR_GAP]
    right = sum(1.0 if a.score > b.score else 0.5 if a.score == b.score else 0.0 for a, b in pairs)
    return _ratio(right, len(pairs))


def _aimed(*labels: int) -> Figure:
    def share(held: Sequence[Held]) -> float:
        aims = [a for a in _aims(held) if a.label is not None]
        return _ratio(sum(a.label in labels for a in aims), len(aims))

    return share


def recovered(aims: Iterable[Aim]) -> float:
    """Share of the credit that points lacked before their follow-ups and had after them, 0–1; losses are not set off."""
    gained = lacked = 0.0
    for aim in aims:
        gained += max(0.0, aim.credit_after - aim.credit)
        lacked += 1 - aim.credit
    return _ratio(gained, lacked)


def open_aims(held: Iterable[Held], *, knew: bool) -> list[Aim]:
    """Follow-ups at points that were truly not stated, by whether the candidate knew them."""
    return [a for a in _aims(held) if a.label is not None and a.label < 2 and a.knew is knew]


def _remarked(why: str) -> Figure:
    return lambda held: _ratio(
        sum(r.why == why for h in held for r in h.remarks), sum(h.interviewer_turns for h in held)
    )  # fmt: skip


def _left(why_enough: Callable[[EndOfQuestion], bool]) -> Figure:
    """Share of the questions left for that reason although what was truly said was not enough."""

    def share(held: Sequence[Held]) -> float:
        left = [c for h in held for c in h.closed if why_enough(c.why)]
        return _ratio(sum(not c.enough for c in left), len(left))

    return share


def _mean(value: Callable[[Held], float]) -> Figure:
    return lambda held: _ratio(sum(map(value, held)), len(held))


def _rank(x: Callable[[Held], float], y: Callable[[Held], float]) -> Figure:
    return lambda held: spearman([x(h) for h in held], [y(h) for h in held])


#: Every figure: its name, what it says, how it is computed, and whether the gate watches it.
FIGURES: tuple[tuple[str, str, Figure, bool], ...] = (
    ("spearman_known", "score against what the candidate knows", _rank(lambda h: h.score, lambda h: h.knew), True),
    ("spearman_said", "score against what it truly said", _rank(lambda h: h.score, lambda h: h.showed), True),
    ("spearman_skill", "score against its nominal skill", _rank(lambda h: h.score, lambda h: h.skill), False),
    (
        "spearman_first",
        "score of first answers alone against what it knows",
        _rank(lambda h: h.first_score, lambda h: h.knew),
        False,
    ),
    ("pairwise_accuracy", f"pairs in the right order (knowledge {PAIR_GAP} or more apart)", pairwise, True),
    ("mean_error", "|score / 100 − share known|", _mean(lambda h: abs(h.score / 100 - h.knew)), True),
    ("aimed_at_open", "follow-ups at a point missing or wrong", _aimed(0, -1), True),
    ("aimed_at_touched", "follow-ups at a point touched", _aimed(1), False),
    ("aimed_at_stated", "follow-ups at a point already stated", _aimed(2), True),
    (
        "passed_over",
        "follow-ups while a worthier open point waited",
        lambda held: _ratio(sum(a.passed_over is not None for a in _aims(held)), len(_aims(held))),
        True,
    ),
    (
        "recovery",
        "lacking credit regained where it knew the point and said so in held-out words",
        lambda h: recovered(a for a in open_aims(h, knew=True) if a.wording is Wording.HELD_OUT),
        True,
    ),
    ("recovery_any", "the same, with re-voiced statements", lambda h: recovered(open_aims(h, knew=True)), False),
    ("false_recovery", "lacking credit gained where it did not know it", lambda h: recovered(open_aims(h, knew=False)), True),
    ("left_too_early", "“sufficient” though too little was said", _left(lambda why: why is EndOfQuestion.SUFFICIENT), True),
    (
        "nothing_to_ask",
        "follow-ups at a stated point when no open one was left",
        lambda held: _ratio(sum(a.label == 2 and a.passed_over is None for a in _aims(held)), len(_aims(held))),
        False,
    ),
    ("tells", "interviewer turns that tell an open point", _remarked("tells"), True),
    ("names", "the same, hints aside, that name a concept of one", _remarked("names"), True),
    ("repeats", "interviewer turns that ask the same again", _remarked("repeats"), True),
    ("misheard", "replies taken for something else, per interview", _mean(lambda h: len(h.misheard)), True),
    ("questions", "questions per interview", _mean(lambda h: len(h.closed)), False),
    ("follow_ups", "follow-ups per interview", _mean(lambda h: len(h.aims)), False),
    ("hints", "hints per interview", _mean(lambda h: h.hints), False),
    ("turns", "turns per interview, both sides", _mean(lambda h: h.turns), False),
    ("seconds", "seconds per interview", _mean(lambda h: h.seconds), False),
    ("revised", "beliefs that followed the labelled answer, share of all", _mean(lambda h: h.revised), False),
)
LOWER_IS_BETTER = frozenset(
    {
        "mean_error",
        "aimed_at_stated",
        "passed_over",
        "false_recovery",
        "left_too_early",
        "tells",
        "names",
        "repeats",
        "misheard",
    }
)


def figures(held: Sequence[Held]) -> dict[str, float]:
    """What the gate watches; figures that the run can't give are left out."""
    values = {name: figure(held) for name, _, figure, watched in FIGURES if watched}
    return {name: value for name, value in values.items() if value == value}


def by_language(held: Sequence[Held]) -> dict[str, list[Held]]:
    """All interviews, then those of each language where there are several."""
    langs = sorted({h.lang for h in held}, reverse=True)
    parts = {lang: [h for h in held if h.lang == lang] for lang in langs}
    return {"all": list(held), **parts} if len(parts) > 1 else parts


def _bounds(held: Sequence[Held], figure: Figure) -> tuple[float, float]:
    return interval({f"{h.lang}/{h.name}": [h] for h in held}, figure, times=_TIMES)


def summary_table(held: Sequence[Held]) -> Table:
    """Every figure with its interval, by language."""
    parts = by_language(held)
    rows = []
    for name, says, figure, _ in FIGURES:
        cells = []
        for part in parts.values():
            low, high = _bounds(part, figure)
            value = figure(part)
            cells.append(f"{value:.3f} [{low:.3f}, {high:.3f}]" if value == value else "–")
        rows.append((name, says, *cells))
    heads = tuple(f"{name} ({len(part)})" for name, part in parts.items())
    return Table("Figures with 95 % intervals by candidate", ("figure", "what it is", *heads), tuple(rows))


def charts(held: Sequence[Held]) -> tuple[Chart, ...]:
    """The main figures by language, and scores by what candidates knew."""
    main = [
        f for f in FIGURES if f[0] in {"spearman_known", "pairwise_accuracy", "aimed_at_open", "recovery", "false_recovery"}
    ]
    bars = []
    for name, _, figure, _ in main:
        for lang, part in by_language(held).items():
            value = figure(part)
            if value == value:
                low, high = _bounds(part, figure)
                bars.append(Bar(f"{name}, {lang}", value, low, high))
    bands = []
    for band in range(5):
        part = [h for h in held if band / 5 <= h.knew < (band + 1) / 5 or (band == 4 and h.knew == 1)]
        if part:
            low, high = _bounds(part, _mean(lambda h: h.score))
            bands.append(
                Bar(f"knows {20 * band}–{20 * band + 20} % (n {len(part)})", _mean(lambda h: h.score)(part), low, high)
            )
    return (
        Chart("How the interview does", tuple(bars)),
        Chart("Mean score by what the candidate knows", tuple(bands), 100.0),
    )


def aims_table(held: Sequence[Held]) -> Table:
    """What follow-ups were aimed at, and what they brought."""
    aims = _aims(held)
    rows = []
    for label, name in _TRUTH.items():
        part = [a for a in aims if a.label == label]
        known, unknown = [a for a in part if a.knew], [a for a in part if not a.knew]
        rows.append((name, len(part), _ratio(len(part), len(aims)), len(known), recovered(known), recovered(unknown)))
    columns = ("what had been said", "follow-ups", "share", "candidate knew", "credit regained: knew", "did not know")
    return Table("Follow-ups by what had truly been said of their point", columns, tuple(rows))


def wordings_table(held: Sequence[Held]) -> Table:
    """Where the candidates' words come from, and what replies to follow-ups at open points gained in each."""
    counts = Counter(w for h in held for w in h.wordings)
    total = sum(counts.values())
    aims = [*open_aims(held, knew=True), *open_aims(held, knew=False)]
    rows = []
    for wording in Wording:
        part = [a for a in aims if a.wording is wording]
        rows.append((wording.value, counts[wording], _ratio(counts[wording], total), len(part), recovered(part)))
    columns = ("words from", "replies", "share", "to follow-ups at open points", "credit gained")
    return Table("What candidates said", columns, tuple(rows))


def phrased_tables(held: Sequence[Held]) -> tuple[Table, ...]:
    """What became of the words a model was asked for, by the guard's reasons; none where no model speaks."""
    phrased = [p for h in held for p in h.phrased]
    if not phrased:
        return ()
    kinds = [kind for kind in TurnKind if any(p.kind is kind for p in phrased)]
    counts = Counter((p.fallback or AS_PHRASED, p.kind) for p in phrased)
    totals = Counter(p.fallback or AS_PHRASED for p in phrased)
    rows: list[tuple[str | float, ...]] = [
        (reason, total, total / len(phrased), *(counts[reason, kind] for kind in kinds))
        for reason, total in totals.most_common()
    ]
    columns = ("said, or why not", "turns", "share", *(kind.value for kind in kinds))
    return (Table("What became of the model's words", columns, tuple(rows)),)


def closed_table(held: Sequence[Held]) -> Table:
    """Why questions ended, and whether what was said was enough."""
    closed = [c for h in held for c in h.closed]
    rows = []
    for why in EndOfQuestion:
        part = [c for c in closed if c.why is why]
        if part:
            n = len(part)
            credited = [c.credited for c in part if c.credited is not None]
            rows.append(
                (
                    why.value,
                    n,
                    sum(c.enough for c in part) / n,
                    sum(c.knew for c in part) / n,
                    sum(c.showed for c in part) / n,
                    _ratio(sum(credited), len(credited)),
                )
            )
    columns = ("why", "questions", "truly enough said", "share known", "share said", "score / 100")
    return Table("Why questions ended", columns, tuple(rows))


def example_tables(held: Sequence[Held]) -> tuple[Table, ...]:
    """What to read: leaks and repetitions, wasted follow-ups, gains without knowledge, misheard replies, wrong scores."""
    remarks = [(h.lang, r.why, r.kind.value, r.question_id, r.text) for h in held for r in h.remarks if r.why != "names"]
    named = Counter((h.lang, r.kind.value, r.question_id, r.text) for h in held for r in h.remarks if r.why == "names")
    wasted = [_shown(h, a) for h in held for a in h.aims if a.label == 2]
    gifts = [_shown(h, a) for h in held for a in h.aims if not a.knew and a.credit_after - a.credit >= 0.4]
    missed = [
        _shown(h, a) for h in held for a in h.aims if a.knew and a.label in (0, -1, 1) and a.credit_after - a.credit < 0.1
    ]
    misheard = [(h.lang, *m) for h in held for m in h.misheard]
    off = sorted(held, key=lambda h: -abs(h.score / 100 - h.knew))
    aim_columns = ("lang", "question / point", "credit before → after", "asked", "reply")
    return (
        Table(
            "Scores furthest from what the candidate knew",
            ("lang", "candidate", "skill", "knew", "said", "score"),
            tuple((h.lang, h.name, h.skill, h.knew, h.showed, h.score) for h in off[:10]),
        ),
        Table("Points told, questions repeated", ("lang", "why", "turn", "question", "text"), tuple(remarks[:_EXAMPLES])),
        Table(
            "Concepts named",
            ("lang", "turn", "question", "text", "times"),
            tuple((*what, times) for what, times in named.most_common(_EXAMPLES)),
        ),
        Table("Follow-ups at points already stated", aim_columns, tuple(wasted[:_EXAMPLES])),
        Table("Credit gained for points the candidate did not know", aim_columns, tuple(gifts[:_EXAMPLES])),
        Table("Points stated on being asked, and not heard", aim_columns, tuple(missed[:_EXAMPLES])),
        Table("Replies taken for something else", ("lang", "meant", "taken for", "reply"), tuple(misheard[:_EXAMPLES])),
    )


def _shown(held: Held, aim: Aim) -> tuple[str, ...]:
    gain = f"{aim.credit:.2f} → {aim.credit_after:.2f}"
    return held.lang, f"{aim.question_id} / {aim.point_id}", gain, aim.asked, aim.reply
