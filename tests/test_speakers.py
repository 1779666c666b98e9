"""What a model says is checked before anybody sees it, and whatever it does the question is asked."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from interviewer.dialogue.guard import Guard, Refusal
from interviewer.dialogue.policy import Move
from interviewer.dialogue.speakers import ModelSpeaker, Utterance, whole_sentences
from interviewer.dialogue.state import State, Thread, start
from interviewer.dialogue.wording import Scene, Wording, pieces
from interviewer.domain.errors import EngineError, EngineTimeout, EngineUnavailable
from interviewer.domain.questions import Bank, KeyPoint, LocalText, Question
from interviewer.domain.transcript import Provenance, Setup, TurnKind
from interviewer.engines.scripted import Reply, ScriptedEngine
from interviewer.ports import ChatRequest
from interviewer.prompting import PromptBook

POINT = KeyPoint(
    "soft",
    LocalText(
        "学生模型学习教师模型经过温度软化的输出分布",
        "the student learns the teacher's temperature-softened output distribution",
    ),
    3,
    (("软标签", "soft label", "soft target"), ("温度", "temperature")),
    ("就是让小模型去拟合大模型给出的概率，而不只是对错", "the small model fits the big model's probabilities"),
    probe=LocalText("小模型具体从大模型那里学什么？", "What exactly does the small model take from the big one?"),
    hints=(
        LocalText("想想输出层", "think of the output layer"),
        LocalText("除了对错还有什么", "what else beyond right or wrong"),
    ),
)
QUESTION = Question(
    "distil", "compression", 2, LocalText("请讲讲知识蒸馏是怎么做的？", "How does knowledge distillation work?"),
    LocalText("参考", "reference"), (POINT,), (LocalText("知识蒸馏的过程是怎样的？", "Walk me through knowledge distillation?"),),
)  # fmt: skip
BANK = Bank((QUESTION,), {"compression": LocalText("模型压缩", "Compression")})


def speak(
    engine: ScriptedEngine, prompts: PromptBook, move: Move, lang: str = "zh", answer: str = ""
) -> tuple[str, Provenance]:
    state = State(Setup(lang=lang, seed=3), opened=True, thread=Thread("distil"))  # type: ignore[arg-type]
    scene = Scene(state, BANK, 4, answer)
    utterance = Utterance(Provenance("?"))
    speaker = ModelSpeaker(engine, Wording(prompts), prompts, timeout=1.0)
    return "".join(speaker.speak(move, scene, utterance, lambda: False)), utterance.provenance


FOLLOW_UP = Move(TurnKind.FOLLOW_UP, "distil", "soft", cause=TurnKind.ANSWER)
ASK = Move(TurnKind.ASK, "distil", detail="skipped")
PROBE = POINT.probe.zh


def test_a_good_follow_up_is_said_as_the_model_phrased_it(prompts: PromptBook) -> None:
    said, made_by = speak(ScriptedEngine(["你刚才提到了小模型。那它到底从大模型身上学到了什么呢？"]), prompts, FOLLOW_UP)
    assert said == "你刚才提到了小模型。那它到底从大模型身上学到了什么呢？"
    assert (made_by.engine, made_by.prompt, made_by.fallback) == ("scripted", "speak.follow-up.other@1", None)
    assert made_by.seed is not None


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("它学的是软标签，对吧？", "leak"),
        ("小模型是不是去拟合大模型给出的概率，而不只是看对错呢？", "leak"),
        ("回答得很好！那它从大模型那里学什么？", "praise"),
        ("What does the small model learn from the big one?", "language"),
        ("**追问**：它学什么？", "markup"),
        ("面试官：它学什么？", "markup"),
        ("候选人提到的内容。" * 40, "repetition"),
        ("", "no-question"),
        ("嗯，好的。", "no-question"),
        ("<|im_start|>assistant 它学什么？", "markup"),
        ("你说，" * 200, "too-long"),
    ],
)
def test_what_the_guard_refuses_is_replaced_by_the_authored_probe(prompts: PromptBook, reply: str, reason: str) -> None:
    said, made_by = speak(ScriptedEngine([reply]), prompts, FOLLOW_UP)
    assert said.endswith(PROBE)
    assert made_by.fallback == reason
    assert "软标签" not in said
    assert "很好" not in said


def test_only_one_question_is_asked(prompts: PromptBook) -> None:
    said, _ = speak(ScriptedEngine(["那小模型学到的究竟是什么？另外它和教师一样大吗？还有别的吗？"]), prompts, FOLLOW_UP)
    assert said == "那小模型学到的究竟是什么？"


def test_a_term_the_candidate_said_may_be_picked_up(prompts: PromptBook) -> None:
    reply = "你提到了温度，它在这里起什么作用？"
    assert speak(ScriptedEngine([reply]), prompts, FOLLOW_UP, answer="用温度来调")[0] == reply
    assert speak(ScriptedEngine([reply]), prompts, FOLLOW_UP)[1].fallback == "leak"


@pytest.mark.parametrize(
    "reply",
    [
        Reply("那小模型", fail=EngineError("gone")),
        Reply("", fail=EngineUnavailable("no server")),
        Reply("嗯，", hang=True),
        Reply("", fail=EngineTimeout("slow")),
    ],
)
def test_an_engine_that_fails_in_any_way_still_leaves_a_question(prompts: PromptBook, reply: Reply) -> None:
    said, made_by = speak(ScriptedEngine([reply]), prompts, FOLLOW_UP)
    assert said.endswith(PROBE)
    assert made_by.fallback


def test_a_failure_nobody_expected_still_leaves_a_question(prompts: PromptBook) -> None:
    class Broken(ScriptedEngine):
        def stream(self, request: ChatRequest, cancelled: Callable[[], bool] = lambda: False) -> Iterator[str]:
            raise RuntimeError("CUDA error")

    said, made_by = speak(Broken([]), prompts, FOLLOW_UP)
    assert said.endswith(PROBE)
    assert made_by.fallback == "engine: RuntimeError"


def test_the_candidates_own_words_do_not_excuse_praise(prompts: PromptBook) -> None:
    """In real mode "correct" would give the grade away, whoever said it first."""
    said, made_by = speak(ScriptedEngine(["正确，那它学什么？"]), prompts, FOLLOW_UP, answer="就是输出正确的标签")
    assert "正确" not in said
    assert made_by.fallback == "praise"
    asked = "准确率这么高，那它从大模型那里学到了什么？"
    assert speak(ScriptedEngine([asked]), prompts, FOLLOW_UP)[0] == asked


def test_clarifying_a_probe_is_about_the_probe(prompts: PromptBook) -> None:
    engine = ScriptedEngine(["小模型具体从大模型那里学到了什么呢？"])
    state = State(Setup(seed=3), opened=True, thread=Thread("distil", answers=1, probed=("soft",), target="soft"))
    move = Move(TurnKind.CLARIFY, "distil", "soft", step=1)
    utterance = Utterance(Provenance("?"))
    speaker = ModelSpeaker(engine, Wording(prompts), prompts, timeout=1.0)
    said = "".join(speaker.speak(move, Scene(state, BANK, 4), utterance, lambda: False))
    assert said == "小模型具体从大模型那里学到了什么呢？"
    assert PROBE in engine.requests[0].messages[1].content
    assert QUESTION.text.zh not in engine.requests[0].messages[1].content


def test_a_question_keeps_its_meaning_or_is_asked_as_authored(prompts: PromptBook) -> None:
    kept, _ = speak(ScriptedEngine(["好，换一个。能讲讲知识蒸馏是怎么做的吗？"]), prompts, ASK)
    assert kept == "好，换一个。能讲讲知识蒸馏是怎么做的吗？"
    lost, made_by = speak(ScriptedEngine(["好，换一个。你平时喜欢用什么框架？"]), prompts, ASK)
    assert lost == "好，换一个。" + QUESTION.text.zh
    assert made_by.fallback == "not-the-question"


def test_moves_that_models_do_not_phrase_use_no_model(prompts: PromptBook) -> None:
    engine = ScriptedEngine([])
    for move in (Move(TurnKind.OPEN), Move(TurnKind.HINT, "distil", "soft", step=1), Move(TurnKind.CLOSE, detail="done")):
        said, made_by = speak(engine, prompts, move)
        assert said
        assert made_by.engine == "built-in"
    assert engine.requests == []


def test_the_model_sees_the_probe_and_the_answer_but_never_the_reference(prompts: PromptBook) -> None:
    engine = ScriptedEngine(["那它学什么？"])
    speak(engine, prompts, FOLLOW_UP, answer="我的回答")
    sent = "\n".join(message.content for message in engine.requests[0].messages)
    assert PROBE in sent
    assert "我的回答" in sent
    assert POINT.statement.zh not in sent


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_authored_lines_pass_the_guard_themselves(bank: Bank, prompts: PromptBook, lang: str) -> None:
    """The guard is for models; if it refused our own probes it would be refusing sensible speech."""
    refused = []
    for question in bank:
        for point in question.key_points:
            guard = Guard(lang, (point,), authored="\n".join(question.text.both()))  # type: ignore[arg-type]
            reason = guard.refuse(point.probe.get(lang), ())  # type: ignore[arg-type]
            if reason in (Refusal.LEAK, Refusal.LANGUAGE, Refusal.MARKUP):
                refused.append((question.id, point.id, reason, point.probe.get(lang)))  # type: ignore[arg-type]
    assert len(refused) <= 0.02 * sum(len(q.key_points) for q in bank), refused


def test_sentences_come_as_soon_as_they_are_whole() -> None:
    seen: list[str] = []

    def stream() -> object:
        for piece in ["It is 3.", "5 percent. ", "And", " then? ", "tail"]:
            seen.append(piece)
            yield piece

    sentences = whole_sentences(stream())  # type: ignore[arg-type]
    assert next(sentences) == "It is 3.5 percent."
    assert "tail" not in seen
    assert list(sentences) == ["And then?", "tail"]


def test_pieces_lose_nothing() -> None:
    for text in ("你好，we use LoRA here。  好", "", "one two  three\nfour"):
        assert "".join(pieces(text)) == text


def test_a_lead_is_not_heard_twice_in_a_row(prompts: PromptBook) -> None:
    wording = Wording(prompts)
    recent: tuple[str, ...] = ()
    for number in range(6):
        line = wording.line(FOLLOW_UP, Scene(start(Setup(seed=1)), BANK, number + 1, recent=recent))
        assert all(line.lead not in said for said in recent)
        recent = (*recent, line.text)
