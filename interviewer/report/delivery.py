"""Deliveries in words: one question's figures, the whole interview's, and the advice. For every renderer; measures nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from interviewer.domain.delivery import Advice, Delivery, Measure
from interviewer.domain.questions import Lang
from interviewer.report.words import word

#: Of an interview's fillers this many kinds are named.
_NAMED_FILLERS = 3


@dataclass(frozen=True, slots=True)
class Fact:
    """One figure of a delivery. `note` says what would be usual; `off` that it isn't. A structure has no range."""

    label: str
    value: str
    note: str = ""
    off: bool = False


@dataclass(frozen=True, slots=True)
class DeliveryText:
    """A delivery, or a whole interview's, ready to be laid out. `basis` says what could not be known, and why."""

    facts: tuple[Fact, ...]
    advice: str
    basis: str


def delivery_text(delivery: Delivery, lang: Lang) -> DeliveryText:
    """How one question was answered, in words."""
    facts = [_length(delivery.seconds, delivery.estimated, lang)]
    if delivery.pace:
        facts.append(_pace(delivery.pace, delivery.lang, lang))
    if delivery.fillers:
        facts.append(_fillers(delivery.filler_counts(), delivery.fillers, delivery.lang, lang))
    if delivery.pauses is not None:
        facts.append(_pauses(delivery.pauses, lang))
    facts += _structure(delivery, lang)
    return DeliveryText(tuple(facts), _advice(delivery.advice, delivery.filler_counts(), lang), _basis([delivery], lang))


def overall_delivery_text(deliveries: Sequence[Delivery], lang: Lang) -> DeliveryText | None:
    """An interview's deliveries together: mean figures, and the advice that came up most. None without any."""
    if not deliveries:
        return None
    main = Counter(d.lang for d in deliveries).most_common(1)[0][0]  # paces of two languages have no mean
    counts = sum((d.filler_counts() for d in deliveries), Counter[str]())
    spoken = [d.seconds for d in deliveries if not d.estimated]
    facts = [_length(_mean(spoken or [d.seconds for d in deliveries]), not spoken, lang)]
    if paces := [d.pace for d in deliveries if d.pace and d.lang == main]:
        facts.append(_pace(_mean(paces), main, lang))
    if rates := [d.fillers for d in deliveries if d.fillers and d.lang == main]:
        facts.append(_fillers(counts, _mean(rates), main, lang))
    if timed := [d.pauses for d in deliveries if d.pauses is not None]:
        facts.append(_pauses(tuple(seconds for pauses in timed for seconds in pauses), lang))
    wanted = Counter(d.advice for d in deliveries if d.advice is not Advice.KEEP)
    advice = wanted.most_common(1)[0][0] if wanted else Advice.KEEP
    return DeliveryText(tuple(facts), _advice(advice, counts, lang), _basis(deliveries, lang))


def _mean(measures: Sequence[Measure]) -> Measure:
    return Measure(fmean(m.value for m in measures), measures[0].low, measures[0].high)


def _length(seconds: Measure, estimated: bool, lang: Lang) -> Fact:
    key = "length-estimated" if estimated else "length-spoken"
    note = word("length-range", lang).format(low=f"{seconds.low:.0f}", high=f"{seconds.high:.0f}")
    return Fact(word("length", lang), word(key, lang).format(n=f"{seconds.value:.0f}"), note, seconds.fit != "fits")


def _pace(pace: Measure, spoken: Lang, lang: Lang) -> Fact:
    note = word("pace-range", lang).format(low=f"{pace.low:.0f}", high=f"{pace.high:.0f}")
    value = word(f"pace-value.{spoken}", lang).format(n=f"{pace.value:.0f}")
    return Fact(word("pace", lang), value, note, pace.fit != "fits")


def _fillers(counts: Counter[str], rate: Measure, spoken: Lang, lang: Lang) -> Fact:
    note = word("fillers-range", lang).format(high=f"{rate.high:g}")
    if not counts:
        return Fact(word("fillers", lang), word("fillers-none", lang), note)
    value = word(f"fillers-value.{spoken}", lang).format(n=counts.total(), rate=f"{rate.value:.1f}")
    named = word("list-comma", lang).join(f"{filler} ×{n}" for filler, n in counts.most_common(_NAMED_FILLERS))
    return Fact(word("fillers", lang), word("with-detail", lang).format(value=value, detail=named), note, rate.fit == "high")


def _pauses(pauses: Sequence[float], lang: Lang) -> Fact:
    if not pauses:
        return Fact(word("pauses", lang), word("pauses-none", lang))
    value = word("pauses-value", lang).format(n=len(pauses), longest=f"{max(pauses):.1f}")
    return Fact(word("pauses", lang), value, off=len(pauses) >= 2)


def _structure(delivery: Delivery, lang: Lang) -> list[Fact]:
    """What is to be said of the structure, if anything: a short answer needs no signposts."""
    opening = {True: ["opens-straight"], False: ["opens-slowly"], None: []}[delivery.point_first]
    said = [word(key, lang) for key in opening]
    if delivery.signposts:
        said.append(word("signposts-value", lang).format(n=delivery.signposts))
    elif delivery.seconds.fit != "low":
        said.append(word("signposts-none", lang))
    value = word("list-semicolon", lang).join(said)
    return [Fact(word("structure", lang), value, off=delivery.point_first is False)] if said else []


def _advice(advice: Advice, counts: Counter[str], lang: Lang) -> str:
    most = counts.most_common(1)[0][0] if counts else ""
    return word(f"advice.{advice.value}", lang).format(word=most)


def _basis(deliveries: Sequence[Delivery], lang: Lang) -> str:
    answers, spoken = sum(d.answers for d in deliveries), sum(d.spoken for d in deliveries)
    if not spoken:
        return word("delivery-typed", lang)
    return word("delivery-partly", lang).format(n=answers, spoken=spoken) if spoken < answers else ""
