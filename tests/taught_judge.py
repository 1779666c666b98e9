"""Teaches a tiny model to judge: whether an answer uses, denies or leaves out the term that a key point names.

Answers are put together at random from closed lists of terms and words. What the model reads is what the grader sends to its
engine, and only the reply to it is learnt. The exam shares no sentence with the lesson, so that a good mark means reading and not
remembering. A minute is too short to learn how to look things up: the model is born with heads that look for the like of a token,
and at what stands before it; what to make of what they find it learns.

Knows nothing of verdicts, evidence or scores: those are the grader's, and the tests' to look at.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from interviewer.domain.questions import LANGS, Lang
from interviewer.engines.rendering import Renderer
from interviewer.engines.scripted import ScriptedEngine
from interviewer.grading import BuiltinGrader, ModelGrader
from interviewer.grading.derive import question_from_row
from interviewer.grading.fewshot import Kind
from interviewer.grading.model_prompts import ORDERS, PER_POINT, QUESTIONS, YES_NO
from interviewer.ports import ChoiceRequest, GradingItem, Message
from interviewer.prompting import PromptBook
from tests.tiny_models import build_tiny_model, tiny_tokenizer

if TYPE_CHECKING:
    import torch

TERMS = (
    "dropout", "softmax", "LoRA", "BM25", "RoPE", "AdamW", "warmup", "BatchNorm", "LayerNorm", "GELU", "ReLU", "BERT",
    "GPT", "ResNet", "FAISS", "HNSW", "RLHF", "DPO", "PPO", "quantization", "distillation", "KVcache", "ZeRO", "MoE",
)  # fmt: skip
STATES: tuple[Kind, ...] = ("stated", "absent", "contradicted")
POINTS = 3
#: Messages one after the other, each with a mark before it: what is last asked for is the last token that the model reads.
TEMPLATE = "{%- for message in messages -%}{{ '<|im_start|>' + message.content }}{%- endfor -%}"
#: Answers to learn from, in each language; terms are drawn anew whenever one is shown.
ANSWERS = 40
#: The lesson ends when the loss, averaged over about the last twenty steps, is below this; or after so many steps.
LEARNT, MOST_STEPS = 0.05, 1500
BATCH, RATE = 8, 3e-3
#: Share of the answers shown in which every word that says nothing is another one, so that no sentence can be remembered.
SCRAMBLED = 0.7
#: Dimensions of a head that turn fast enough with the position to tell near from far, and what they weigh beside the others.
_FAST, _NEAR = 6, 0.73
#: How sharply heads look, and how many tokens before itself each of them does but the first, which looks elsewhere.
_SHARP, _BACK = 1.8, (5.5, 1.5, 3.5)
_STOP: dict[Lang, str] = {"zh": "。", "en": "."}
_BLANK: dict[Lang, str] = {"zh": "", "en": " "}
_WORDS: dict[str, dict[Lang, Any]] = yaml.safe_load(
    (Path(__file__).parent / "data" / "judge_sentences.yaml").read_text(encoding="utf-8")
)


@dataclass(frozen=True, slots=True)
class Task:
    """An answer to grade. For each point its term, what is true of it, and the sentence that says so (empty where none does).

    `said` has every term of the answer and whether it is stated or denied."""

    item: GradingItem
    terms: tuple[str, ...]
    states: tuple[Kind, ...]
    spoken: tuple[str, ...]
    said: tuple[tuple[str, Kind], ...]


def exam(lang: Lang, count: int, seed: int = 0) -> list[Task]:
    """So many answers, each to a question of three points, of every state, among other sentences and other terms."""
    pick = random.Random(f"exam {lang} {seed}")
    return [_task("exam", lang, pick, [pick.choice(STATES) for _ in range(POINTS)], (0, 2)) for _ in range(count)]


def _task(part: str, lang: Lang, pick: random.Random, states: Sequence[Kind], others: tuple[int, int]) -> Task:
    words = _WORDS[part][lang]
    terms = pick.sample(TERMS, POINTS + 4)
    told = [(term, state) for term, state in zip(terms, states, strict=False) if state != "absent"]
    told += [(term, pick.choice(("stated", "contradicted"))) for term in terms[POINTS : POINTS + pick.randint(*others)]]
    by_term = {term: _sentence(words, lang, pick, term, denied=state == "contradicted") for term, state in told}
    sentences = [*by_term.values(), *(s + _STOP[lang] for s in pick.sample(words["beside"], pick.randint(1, 3)))]
    pick.shuffle(sentences)
    points = [pick.choice(_WORDS["points"][lang]).format(term) for term in terms[:POINTS]]
    item = GradingItem(
        question_from_row({"question": pick.choice(words["asked"]), "key_points": points}), _BLANK[lang].join(sentences)
    )
    return Task(item, tuple(terms[:POINTS]), tuple(states), tuple(by_term.get(t, "") for t in terms[:POINTS]), tuple(told))


def _sentence(words: dict[str, list[str]], lang: Lang, pick: random.Random, term: str, *, denied: bool) -> str:
    """One that says that the term is used, or that it is not."""
    nots = [pick.choice(_WORDS["not"][lang])] if denied else []
    said = _BLANK[lang].join([pick.choice(words["before"]), *nots, pick.choice(words["verb"])])
    return f"{said} {term} {pick.choice(words['after'])}".rstrip() + _STOP[lang]


def build_judge(folder: Path, prompts: PromptBook) -> Path:
    """The model before its lesson, as a user would find it: random but for where its heads look."""
    import torch
    from transformers import AutoModelForCausalLM

    tokenizer = tiny_tokenizer(_texts(), vocab_size=2000, names=(*_phrases(prompts), *TERMS), template=TEMPLATE, window=8192)
    build_tiny_model(
        folder,
        tokenizer=tokenizer,
        max_position_embeddings=8192,
        num_hidden_layers=2,
        head_dim=32,
        initializer_range=0.05,
        attention_bias=True,
        tie_word_embeddings=False,
        rope_parameters={"rope_type": "default", "rope_theta": 1e6},
    )
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    with torch.no_grad():
        model.model.embed_tokens.weight.mul_(10)  # tokens are told apart well
        for layer in model.model.layers:
            _direct(layer.self_attn, model.model.rotary_emb.inv_freq[:_FAST])
    model.save_pretrained(folder)
    return folder


def _direct(part: Any, turns: torch.Tensor) -> None:
    """The first of four heads looks for the like of a token elsewhere, the others at what stands some tokens before it: habits
    that models have from reading much. `turns` are the angles by which the fast dimensions turn from one position to the next."""
    half = part.head_dim // 2
    queries, keys = (p.weight.unflatten(0, (-1, part.head_dim)) for p in (part.q_proj, part.k_proj))
    placed, places = (p.bias.unflatten(0, (-1, part.head_dim)) for p in (part.q_proj, part.k_proj))
    part.q_norm.weight.fill_(_SHARP)
    part.k_norm.weight.fill_(_SHARP)
    part.v_proj.weight.mul_(2)
    # Fast dimensions tell where, the others what.
    for fast in (slice(_FAST), slice(half, half + _FAST)):
        queries[::2, fast] = 0
        keys[:, fast] = 0
    queries[0] = keys[0]
    queries[1:] *= 0.1
    keys[1] *= 0.1
    placed[2:] = 0.5  # blunts them: more than one token is looked at
    placed[0, :_FAST], places[0, :_FAST], places[1, :_FAST] = _NEAR, -_NEAR, _NEAR
    for head, back, way in zip((1, 2, 3), _BACK, (-_NEAR, _NEAR, _NEAR), strict=True):  # the first two share their keys
        placed[head, :_FAST], placed[head, half : half + _FAST] = way * (back * turns).cos(), -way * (back * turns).sin()


def _texts() -> list[str]:
    """What the tokenizer must know the words of: every sentence, and every reply."""
    lists = [*_WORDS["points"].values(), *_WORDS["not"].values()]
    lists += [texts for part in ("lesson", "exam") for kinds in _WORDS[part].values() for texts in kinds.values()]
    sentences = [f" {text}" for texts in lists for text in texts]
    return [*sentences, *(word for words in YES_NO.values() for word in words)] * 2


def _phrases(prompts: PromptBook) -> list[str]:
    """What the grader's prompts are made of: each line, cut where something is filled in."""
    found = {"<<<ANSWER", "ANSWER>>>"}
    for name in prompts.versions():
        if name.startswith("grade."):
            for lang in LANGS:
                for text in prompts.get(name).variants[lang]:
                    found |= {piece.strip() for line in text.splitlines() for piece in re.split(r"\{[^{}]*\}", line)}
    return sorted(piece for piece in found if len(piece) > 2)


@dataclass(frozen=True, slots=True)
class Sheet:
    """One answer with all that is asked about it, as tokens: what all endings share, then each ending, of which none sees another.

    `of_ending` numbers the ending that a token belongs to, 0 for what is shared. `points` and `said` are terms as tokens; no term
    occurs twice among them. `replies[ending][state]` is the token to be learnt."""

    tokens: tuple[int, ...]
    positions: tuple[int, ...]
    of_ending: tuple[int, ...]
    last: tuple[int, ...]
    points: tuple[int, ...]
    said: tuple[tuple[int, Kind], ...]
    replies: tuple[dict[Kind, int], ...]


def _sheets(tokenizer: Any, prompts: PromptBook) -> list[Sheet]:
    """What the grader asks about answers of the lesson, read off its requests."""
    engine = ScriptedEngine(scores=lambda request, _: [1.0] * len(request.choices))
    grader, renderer = ModelGrader(engine, prompts, BuiltinGrader()), Renderer(tokenizer)
    sheets = []
    for lang in LANGS:
        pick = random.Random(f"lesson {lang}")
        for _ in range(ANSWERS):
            task = _task("lesson", lang, pick, ["absent"] * POINTS, (2, 4))
            asked = len(engine.choice_requests)
            grader.grade(task.item)
            if len(engine.choice_requests) > asked:  # else the gates left nothing to ask
                sheets.append(_sheet(tokenizer, renderer, engine.choice_requests[-1], task, lang))
    return sheets


def _sheet(tokenizer: Any, renderer: Renderer, request: ChoiceRequest, task: Task, lang: Lang) -> Sheet:
    prompts = [renderer.prompt((*request.prefix, Message("user", ending))) for ending in request.endings]
    rows = [renderer.encode(prompt) for prompt in prompts]
    shared = next(at for at, tokens in enumerate(zip(*rows, strict=False)) if len(set(tokens)) > 1)
    tokens, positions, of_ending, last = [*rows[0][:shared]], [*range(shared)], [0] * shared, []
    for number, row in enumerate(rows, 1):
        tokens += row[shared:]
        positions += range(shared, len(row))
        of_ending += [number] * (len(row) - shared)
        last.append(len(tokens) - 1)

    def token(reply: str) -> int:
        (only,) = renderer.continuation(prompts[0], rows[0], reply)
        return only

    of_point = [{state: token(_reply(n, state, lang)) for state in STATES} for n in range(PER_POINT)]
    ids = tokenizer.convert_tokens_to_ids
    said = tuple((ids(term), state) for term, state in task.said)
    points = tuple(map(ids, task.terms))
    return Sheet(tuple(tokens), tuple(positions), tuple(of_ending), tuple(last), points, said, tuple(of_point * len(points)))


def _reply(ending: int, state: Kind, lang: Lang) -> str:
    """The right reply to one of a point's endings."""
    if ending >= len(QUESTIONS):
        return "ABC"[ORDERS[ending - len(QUESTIONS)].index(state)]
    yes, no = YES_NO[lang][:2]
    return yes if state == ("contradicted" if QUESTIONS[ending] == "contradicts" else "stated") else no


def _fillers(tokenizer: Any) -> list[int]:
    """Tokens of words that say nothing about a term: all but those of points, verbs and denials, and replies."""

    def tokens(texts: Iterable[str]) -> set[int]:
        return {token for text in texts for form in (text, f" {text}") for token in tokenizer(form)["input_ids"]}

    parts = [words for part in ("lesson", "exam") for words in _WORDS[part].values()]
    telling = [word for words in parts for word in words["verb"]]
    telling += [word for kind in ("points", "not") for words in _WORDS[kind].values() for word in words]
    telling += [*(reply for replies in YES_NO.values() for reply in replies), *"ABC", "。", ".", "？", "?", "\n"]
    free = [word for words in parts for kind in ("asked", "before", "after", "beside") for word in words[kind]]
    return sorted(tokens(free) - tokens(telling))


def _renamed(
    sheet: Sheet, terms: Sequence[int], fillers: Sequence[int], pick: random.Random
) -> tuple[dict[int, int], list[int]]:
    """The same sheet about other terms, in other words: what each token becomes, and the replies to learn.

    Each point's term is left out of the answer or takes the place of one that is said there, so that a sheet can't be known
    again: which points are stated is new each time."""
    new = pick.sample(list(terms), len(sheet.points) + len(sheet.said))
    names = dict(zip((*sheet.points, *(term for term, _ in sheet.said)), new, strict=True))
    if pick.random() < SCRAMBLED:
        names |= zip(fillers, pick.sample(list(fillers), len(fillers)), strict=True)
    states: list[Kind] = ["absent"] * len(sheet.points)
    free = list(range(len(sheet.points)))
    pick.shuffle(free)
    for term, state in sheet.said:
        if free and pick.random() < 0.7:
            point = free.pop()
            names[term], states[point] = names[sheet.points[point]], state
    return names, [sheet.replies[n][states[n // PER_POINT]] for n in range(len(sheet.last))]


def teach(folder: Path, prompts: PromptBook) -> int:
    """Gives the model in `folder` its lesson, in place. Returns how many steps it took. The same on every run."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    sheets = _sheets(tokenizer, prompts)
    terms = tokenizer.convert_tokens_to_ids(list(TERMS))
    fillers = _fillers(tokenizer)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    model.train()
    for layer in model.model.layers:  # where to look is given
        for part in (layer.self_attn.q_proj, layer.self_attn.k_proj, layer.self_attn.q_norm, layer.self_attn.k_norm):
            part.requires_grad_(False)
    learning = [p for p in model.parameters() if p.requires_grad]
    optimizer = torch.optim.AdamW(learning, lr=RATE, betas=(0.9, 0.98), weight_decay=0.01)
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # steps this small gain nothing by more, and sums come out alike everywhere
    pick, average, step = random.Random(0), 1.0, 0
    while average > LEARNT and step < MOST_STEPS:
        step += 1
        chosen = [(sheet, *_renamed(sheet, terms, fillers, pick)) for sheet in pick.sample(sheets, BATCH)]
        loss = _loss(model, chosen)
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(learning, 1.0)
        optimizer.step()
        average += (loss.item() - average) / 20
    torch.set_num_threads(threads)
    model.eval()
    model.save_pretrained(folder)
    return step


def _loss(model: Any, chosen: Sequence[tuple[Sheet, dict[int, int], list[int]]]) -> torch.Tensor:
    """Cross-entropy of the replies, and of nothing else."""
    import torch

    width = max(len(sheet.tokens) for sheet, _, _ in chosen)
    tokens, positions, of_ending = (torch.zeros(len(chosen), width, dtype=torch.long) for _ in range(3))
    for row, (sheet, names, _) in enumerate(chosen):
        size = len(sheet.tokens)
        tokens[row, :size] = torch.tensor([names.get(token, token) for token in sheet.tokens])
        positions[row, :size] = torch.tensor(sheet.positions)
        of_ending[row, :size] = torch.tensor(sheet.of_ending)
    earlier = torch.ones(width, width, dtype=torch.bool).tril()
    own = (of_ending[:, None, :] == 0) | (of_ending[:, None, :] == of_ending[:, :, None])
    hidden = model.model(
        input_ids=tokens, position_ids=positions, attention_mask=(earlier & own)[:, None], use_cache=False
    ).last_hidden_state
    last = torch.tensor([sheet.last for sheet, _, _ in chosen])
    logits = model.lm_head(hidden.gather(1, last[..., None].expand(-1, -1, hidden.shape[-1])))
    right = torch.tensor([replies for _, _, replies in chosen])
    return torch.nn.functional.cross_entropy(logits.flatten(0, 1), right.flatten())
