"""Find, for every key point, the stretch of an answer that says it and the one that denies it.

Joins windows, features, claims and judgement. Gives beliefs with their windows; verdicts and scores are made in `scoring`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np

from interviewer.domain.questions import KeyPoint
from interviewer.domain.text import CJK_RUN, tokens
from interviewer.grading.beliefs import LIKELY_DENIAL, SAID, SURE_DENIAL, chances, earning_sentences, knowledge, plain_sentences
from interviewer.grading.calibration import Knowledge, load_calibration, sigmoid
from interviewer.grading.compiled import CompiledQuestion
from interviewer.grading.features import window_features
from interviewer.grading.gates import is_dont_know
from interviewer.grading.judgement import Evidence, Sentences
from interviewer.grading.ngrams import NgramModel
from interviewer.grading.overlap import overlap
from interviewer.grading.scoring import Belief, credit
from interviewer.grading.small_talk import load_small_talk
from interviewer.grading.vocabulary import Units
from interviewer.grading.windows import Window

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Doubles = NDArray[np.float64]

#: Tokens (a Chinese character or a Latin word) above which a sentence is judged in parts.
_LONG_SENTENCE = 90
#: How much wider the band is for a point known only by accepted phrasings, or only by its statement.
DOUBT: dict[Knowledge, float] = {"full": 1.0, "accepted": 1.25, "bare": 1.6}
#: And for a bare point in the other language than the answer: only shared names can match.
OTHER_LANGUAGE_DOUBT = 2.0
#: What naming a term in a bare list counts, against saying something about it.
LIST_FACTOR = 0.3
#: How much sounding wrong counts, beside being about the point, for which sentence is quoted.
_CLAIM_SHARE = 0.3
#: A sentence less likely than the first to be about any point is padding; one that sounds like small talk must be likelier by
#: up to the second. (Dev: the scores are as good as without; of 367 answers padded with other talk 5 rise by over 1, not 121.)
_BESIDE, _MORE_OF_TALK = 0.1, 0.6


#: Of up to so many plainly right sentences every choice is looked at: 2 to that power.
_ALL_CHOICES_OF = 5


@dataclass(frozen=True, slots=True)
class Gathered:
    """The windows of an answer that count and what they say, by window and by sentence.

    `earning` numbers the sentences that would earn something, were each the whole answer. What the others say can only be held
    against the candidate: a sentence that is worth nothing by itself never raises a score, whatever it is put beside.
    """

    windows: Sequence[Window]
    evidence: Evidence
    sentences: Sentences
    earning: frozenset[int]
    #: Those of them that plainly say a point and deny none.
    plain: frozenset[int]


@dataclass(frozen=True, slots=True)
class Match:
    """One point's belief, and the windows it rests on (None when nothing comes near)."""

    belief: Belief
    stated_in: Window | None
    contradicted_in: Window | None
    #: How likely any stretch is about the point at all, 0–1.
    touched: float


def match_points(compiled: CompiledQuestion, gathered: Gathered | None) -> list[Match]:
    """One Match per key point, in order; None stands for an answer without a window."""
    points = compiled.question.key_points
    if gathered is None:
        return [Match(Belief(0.0, 0.0, _doubt(point, chinese=False)), None, None, 0.0) for point in points]
    found, evidence = gathered.windows, gathered.evidence
    chinese = any(CJK_RUN.search(w.text) for w in found)
    doubts = [_doubt(point, chinese) for point in points]
    # Each sentence that earns nothing is held against the others by itself: together, one could make good what another cost.
    beside = [gathered.earning | {n} for n in gathered.sentences.ids if n not in gathered.earning]
    readings = [_beliefs(points, doubts, gathered, sentences) for sentences in (gathered.earning, *beside) if sentences]
    touched = sigmoid(evidence.about.max(axis=0))
    out = []
    for p, held in enumerate(zip(*readings, strict=True)):
        right, wrong = _speakers(evidence, p)
        belief = min(held, key=lambda belief: (credit(belief), -belief.contradicted))
        out.append(Match(belief, found[right], found[wrong], float(touched[p])))
    return out


def _beliefs(
    points: Sequence[KeyPoint], doubts: Sequence[float], gathered: Gathered, sentences: frozenset[int]
) -> list[Belief]:
    """What some of the sentences, one at least, amount to together: for each point the best reading with or without the
    sentences that are plainly right, so that saying one more of those costs nothing elsewhere."""
    views = [sentences - left_out for left_out in _some(gathered.plain & sentences) if sentences - left_out]
    together = chances(points, gathered.sentences.each_together(views))
    denied = _sure_denials(gathered.evidence, sentences)
    out = []
    for p, doubt in enumerate(doubts):
        readings = [Belief(stated, wrong, doubt, partly) for stated, partly, wrong in together[:, p].tolist()]
        if denied[p]:
            held_against = partial(_with_denial, gathered.evidence, p)
            readings = [held_against(view, reading) for view, reading in zip(views, readings, strict=True)]
        out.append(max(readings, key=lambda belief: (credit(belief), -belief.contradicted)))
    return out


def _sure_denials(evidence: Evidence, sentences: frozenset[int]) -> Sequence[bool]:
    """For each point whether a stretch of some of the sentences is sure to deny it."""
    among = [w for w, sentence in enumerate(evidence.sentence_of) if sentence in sentences]
    sure = sigmoid(evidence.about[among]) * sigmoid(-evidence.right[among])
    return list(sure.max(axis=0) >= SURE_DENIAL)


def _some(plain: frozenset[int]) -> list[frozenset[int]]:
    """Every choice of some of them; of many, only those that take or leave few."""
    few = len(plain) if len(plain) <= _ALL_CHOICES_OF else 1
    sizes = sorted({*range(few + 1), *range(len(plain) - few, len(plain) + 1)})
    return [frozenset(chosen) for size in sizes for chosen in combinations(sorted(plain), size)]


def _with_denial(evidence: Evidence, point: int, sentences: frozenset[int], belief: Belief) -> Belief:
    """The belief where another of the sentences than the one that states the point is sure to deny it: saying it rightly and
    wrongly is worth less than saying it rightly."""
    right, wrong = _speakers(evidence, point, sentences)
    sure = float(sigmoid(evidence.about[wrong, point]) * sigmoid(-evidence.right[wrong, point]))
    if right == wrong or sure < max(SURE_DENIAL, belief.contradicted):
        return belief
    return replace(belief, contradicted=sure)


def gather(
    compiled: CompiledQuestion,
    found: Sequence[Window],
    units: Sequence[Units],
    claims: NgramModel,
    lists: frozenset[int] = frozenset(),
) -> Gathered:
    """What each window says of each point, and how much it sounds like a wrong claim. Needs at least one window.

    Padding doesn't count. `lists` numbers sentences that are bare lists of terms: those hardly do.
    """
    about, right = _log_odds(compiled, units)
    padding = _padding(found, about)
    kept = [n for n, window in enumerate(found) if window.sentence not in padding] or list(range(len(found)))
    found, units, about, right = [found[n] for n in kept], [units[n] for n in kept], about[kept], right[kept]
    listed = [n for n, window in enumerate(found) if window.sentence in lists]
    about[listed] += math.log(LIST_FACTOR)
    wrongness = np.array(_wrongness(found, claims))
    _acquit(found, about, right, wrongness)
    evidence = Evidence(about, right, [w.sentence for w in found], wrongness, overlap(compiled, units))
    sentences = Sentences.of(evidence)
    silent = frozenset(n for n, window in _whole_sentences(found).items() if is_dont_know(window.text))
    earning = earning_sentences(compiled.question.key_points, sentences) - silent
    return Gathered(found, evidence, sentences, earning, plain_sentences(sentences))


def _padding(found: Sequence[Window], about: Doubles) -> frozenset[int]:
    """The sentences that are small talk or beside every point. A score is made of the best of many sentences' numbers, so that
    each of them would be one more chance."""
    whole = _whole_sentences(found)
    odds = load_small_talk().log_odds([window.text for window in whole.values()])
    nearest = dict.fromkeys(whole, 0.0)
    for window, near in zip(found, sigmoid(about.max(axis=1)), strict=True):
        nearest[window.sentence] = max(nearest[window.sentence], float(near))
    wanted = _BESIDE + _MORE_OF_TALK * sigmoid(2 * np.asarray(odds))
    return frozenset(sentence for sentence, least in zip(whole, wanted, strict=True) if nearest[sentence] < least)


def _whole_sentences(found: Sequence[Window]) -> dict[int, Window]:
    """The longest window of each sentence."""
    whole: dict[int, Window] = {}
    for window in found:
        held = whole.get(window.sentence)
        if held is None or len(window.text) > len(held.text):
            whole[window.sentence] = window
    return whole


def _acquit(found: Sequence[Window], about: Doubles, right: Doubles, wrongness: Doubles) -> None:
    """Let sentences that are plainly right speak against no other point: adding a right sentence shall not lower a score.
    The stretches of a long sentence stand for themselves. Changes the last two."""
    stated, denied = sigmoid(about) * sigmoid(right), sigmoid(about) * sigmoid(-right)
    for group in _groups(found):
        if stated[group].max() >= SAID and denied[group].max() < LIKELY_DENIAL:
            right[group] = np.maximum(right[group], 0.0)
            wrongness[group] = np.minimum(wrongness[group], 0.0)


def _groups(found: Sequence[Window]) -> list[list[int]]:
    """The windows of each sentence together, those of a long one each alone."""
    by_sentence: dict[int, list[int]] = {}
    for n, window in enumerate(found):
        by_sentence.setdefault(window.sentence, []).append(n)
    out: list[list[int]] = []
    for group in by_sentence.values():
        long = max(len(tokens(found[n].text)) for n in group) > _LONG_SENTENCE
        out += [[n] for n in group] if long else [group]
    return out


def _wrongness(found: Sequence[Window], claims: NgramModel) -> list[float]:
    """For each window how much its sentence sounds like a wrong claim; where the sentence is long, half of that and half of
    how much the window itself does: recognised speech may be one sentence from end to end."""
    whole = _whole_sentences(found)
    long = {sentence for sentence, window in whole.items() if len(tokens(window.text)) > _LONG_SENTENCE}
    texts = list(dict.fromkeys([w.text for w in whole.values()] + [w.text for w in found if w.sentence in long]))
    value = dict(zip(texts, claims.log_odds(texts), strict=True))
    own = [value[whole[w.sentence].text] for w in found]
    return [(o + value[w.text]) / 2 if w.sentence in long else o for w, o in zip(found, own, strict=True)]


def stating_windows(compiled: CompiledQuestion, units: Sequence[Units]) -> list[int]:
    """For each point the number of the stretch that states it best, taken by itself. Needs at least one stretch."""
    about, right = _log_odds(compiled, units)
    best = (sigmoid(about) * sigmoid(right)).argmax(axis=0)
    return [int(w) for w in best]


def _log_odds(compiled: CompiledQuestion, units: Sequence[Units]) -> tuple[Doubles, Doubles]:
    """[windows, points] that a stretch is about a point, and that it takes the right side."""
    features = window_features(compiled, units)
    both = [load_calibration(knowledge(p)).log_odds(features[:, i]) for i, p in enumerate(compiled.question.key_points)]
    return np.stack([b[0] for b in both], axis=1).astype(float), np.stack([b[1] for b in both], axis=1).astype(float)


def _doubt(point: KeyPoint, chinese: bool) -> float:
    known = knowledge(point)
    if known == "bare" and not (point.statement.zh if chinese else point.statement.en):
        return OTHER_LANGUAGE_DOUBT
    return DOUBT[known]


def _speakers(evidence: Evidence, point: int, among: frozenset[int] | None = None) -> tuple[int, int]:
    """The windows to quote for a point, of all sentences or `among` some: where it is said, and where it is denied."""
    chosen = [w for w in evidence.speaking(point) if among is None or evidence.sentence_of[w] in among]
    about, right = evidence.about[chosen, point], evidence.right[chosen, point]
    claims = evidence.claims[chosen]
    said = np.log(sigmoid(about)) + np.log(sigmoid(right)) - _CLAIM_SHARE * claims
    denied = np.log(sigmoid(about)) + np.log(sigmoid(-right)) + _CLAIM_SHARE * claims
    return chosen[int(said.argmax())], chosen[int(denied.argmax())]
