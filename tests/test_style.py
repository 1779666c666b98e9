"""Persona and company colour what is said; what is asked, followed up and graded stays the same."""

from __future__ import annotations

from types import SimpleNamespace

import pytest

from interviewer.cli.chat import _setup as setup_from
from interviewer.cli.main import build_parser
from interviewer.dialogue.checks import ASKING
from interviewer.dialogue.speakers import BuiltinSpeaker
from interviewer.dialogue.wording import Wording
from interviewer.domain.assessment import Assessment
from interviewer.domain.questions import LANGS, Bank, Lang
from interviewer.domain.transcript import PERSONAS, Persona, Setup, Speaker, TurnKind
from interviewer.prompting import PromptBook
from interviewer.session import Cast, Interview, Interviews
from interviewer.storage import open_store
from tests.simulate import Candidate, MarkedGrader
from tests.test_session import NoRetriever

#: What a step of an interview is, whatever the words.
Step = tuple[Speaker, TurnKind, str | None, str | None, str | None]


def held(bank: Bank, prompts: PromptBook, lang: Lang, persona: Persona) -> tuple[Interview, list[tuple[int, Assessment]]]:
    store = open_store("sqlite://")
    try:
        voice, grader = BuiltinSpeaker(Wording(prompts)), MarkedGrader()
        cast = Cast(lambda: bank, lambda: voice, lambda: grader, lambda: NoRetriever())  # type: ignore[arg-type, return-value]
        setup = Setup(lang, questions=4, seed=6, persona=persona, company="某某 Labs")
        interview = Interviews(cast, store).start(setup)
        assert store.load(interview.id).info.setup == setup
        candidate = Candidate(6, skill=0.5, noise=0.5)
        list(interview.proceed())
        while not interview.finished:
            question = bank.get(interview.turns[-1].question_id or "")
            said = candidate.utterance([point.id for point in question.key_points] if question else [])
            list(interview.request(said) if isinstance(said, TurnKind) else interview.say(said))
        return interview, store.history(interview.id)
    finally:
        store.close()


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_style_changes_words_and_nothing_else(bank: Bank, prompts: PromptBook, lang: Lang) -> None:
    interviews = {persona: held(bank, prompts, lang, persona) for persona in PERSONAS}
    steps = [[(t.speaker, t.kind, t.question_id, t.key_point_id, t.detail) for t in i.turns] for i, _ in interviews.values()]
    assert steps[0] == steps[1] == steps[2]
    grades = [history for _, history in interviews.values()]
    assert grades[0] == grades[1] == grades[2]
    spoken = {persona: [t.text for t in i.turns if t.speaker is Speaker.INTERVIEWER] for persona, (i, _) in interviews.items()}
    for one, other in (("neutral", "friendly"), ("neutral", "demanding"), ("friendly", "demanding")):
        same = sum(a == b for a, b in zip(spoken[one], spoken[other], strict=True))  # type: ignore[index]
        assert same < len(spoken["neutral"]) / 2
    assert all("某某 Labs" in said[0] and "某某 Labs" not in "".join(said[1:]) for said in spoken.values())


def test_every_persona_has_a_manner_of_its_own(prompts: PromptBook) -> None:
    for persona in PERSONAS:
        assert f"speak.persona.{persona}" in prompts
    friendly, demanding = (
        {name.rpartition(".")[0] for name in prompts.ids() if name.startswith("say.") and name.endswith(f".{persona}")}
        for persona in ("friendly", "demanding")
    )
    assert friendly == demanding
    assert all(name in prompts for name in friendly)


def test_no_lead_asks_anything(prompts: PromptBook) -> None:
    """A model is shown leads as examples; one that asks would be taken for the question."""
    for name in prompts.ids():
        if name.startswith(("say.lead.", "say.open.greeting", "say.close.", "say.redirect.silence", "say.redirect.small-talk")):
            texts = [text for lang in LANGS for text in prompts.get(name).variants[lang]]
            assert not [text for text in texts if ASKING.search(text)], name


def test_the_terminal_takes_a_style(bank: Bank, capsys: pytest.CaptureFixture[str]) -> None:
    parser, parts = build_parser(), SimpleNamespace(bank=bank)
    args = parser.parse_args(["chat", "--lang", "en", "--persona", "demanding", "--company", "Example <b>Labs</b>"])
    setup = setup_from(args, parts)  # type: ignore[arg-type]
    assert (setup.persona, setup.company) == ("demanding", "Example b Labs b")
    with pytest.raises(SystemExit, match="2"):
        parser.parse_args(["chat", "--persona", "cruel"])
    assert "invalid choice" in capsys.readouterr().err
