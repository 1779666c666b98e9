"""Any instruct model by name or folder, run in this process by transformers and accelerate.

Knows messages, text and choices; the forward passes are in decoding.py, templates in rendering.py, devices in hardware.py.
Runs no code that comes with a model, and downloads nothing unless asked to.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from interviewer.domain.errors import ContextOverflow, EngineError, EngineOutOfMemory, EngineUnavailable
from interviewer.engines import hardware, processor
from interviewer.engines.choices import Spot, normalised, plan_rows
from interviewer.engines.decoding import CausalDecoder
from interviewer.engines.json_reply import ask_for_json
from interviewer.engines.locate import ModelFolder, find_model
from interviewer.engines.memory import is_out_of_memory
from interviewer.engines.quantise import Int8Weights
from interviewer.engines.rendering import Renderer
from interviewer.engines.rows import Row
from interviewer.engines.sampling import Sampling
from interviewer.engines.streams import Deadline, Detokenizer, visible
from interviewer.engines.thinking import MARKS
from interviewer.engines.warmup import warm_up
from interviewer.ports import ChatRequest, ChoiceRequest, EngineInfo, Message

#: Tokenizers without a known limit carry a huge number instead.
_NO_LIMIT = 10**9
#: What was read is kept for later prompts in this share of the memory free once the model is loaded, up to a most in bytes.
_PREFIX_SHARE, _PREFIX_MOST = 16, 4 * hardware.GIB


class TransformersEngine:
    """Loads the model when made (seconds to minutes) and runs it once, so that the first reply comes as soon as any other.
    Raises EngineUnavailable with one clear line when it can't.

    `dtype` and `device_map` are transformers' own and override what the hardware suggests; `int8`, for bfloat16 on a CPU, says
    whether tokens are written with eight-bit weights, which the processor's own speed decides otherwise.

    `prefix_bytes` bounds the memory for what was read of earlier prompts, so that it need not be read again: by default a
    sixteenth of what is free once the model is loaded, at most 4 GiB; 0 keeps nothing. It changes how soon a reply comes,
    never the reply.
    """

    def __init__(
        self,
        model: str,
        *,
        allow_download: bool = False,
        dtype: hardware.Dtype | None = None,
        device_map: str | dict[str, str] | None = None,
        prefix_bytes: int | None = None,
        int8: bool | None = None,
    ) -> None:
        found = find_model(model, allow_download=allow_download)
        told = dtype is not None or device_map is not None
        plan = hardware.plan(found.parameters, hardware.detect(), None if told else processor.measure)
        self.why = "as told" if told else plan.why
        loaded, tokenizer = _load(found, dtype or plan.dtype, device_map or plan.device_map)
        self._tokenizer = tokenizer
        self._renderer = Renderer(tokenizer)
        self._defaults = loaded.generation_config
        self._dropped = frozenset(tokenizer.all_special_ids) - _ids(tokenizer, tuple(MARKS))
        if prefix_bytes is None:
            prefix_bytes = min(_PREFIX_MOST, hardware.detect().free // _PREFIX_SHARE)
        copies = Int8Weights(loaded) if (plan.int8 and not told if int8 is None else int8) else None
        self._decoder: CausalDecoder | None = CausalDecoder(loaded, _stop_tokens(loaded, tokenizer), prefix_bytes, copies)
        self._info = EngineInfo(
            name="transformers",
            model=found.name,
            revision=found.revision,
            context_tokens=_context(loaded, tokenizer),
            device=f"{loaded.device} {str(loaded.dtype).removeprefix('torch.')}{'+int8' if copies else ''}",
        )
        with self._failures_said_clearly():
            warm_up(self._decoder, loaded)
            self._decoder.prefixes.clear()

    @property
    def info(self) -> EngineInfo:
        return self._info

    def describe(self) -> str:
        """One line for people: the model, its window, where it runs and why there."""
        window = f"{self._info.context_tokens} tokens" if self._info.context_tokens else "unknown window"
        return f"{self._info.model} ({self._info.revision}), {window}, {self._info.device}: {self.why}"

    def stream(self, request: ChatRequest, cancelled: Callable[[], bool] = lambda: False) -> Iterator[str]:
        deadline = Deadline(request.timeout)

        def go_on() -> bool:
            deadline.check()
            self._open()
            return not cancelled()

        text = Detokenizer(lambda ids: str(self._tokenizer.decode(ids, skip_special_tokens=False)))
        with self._failures_said_clearly():
            decoder = self._open()
            prompt = self._renderer.encode(self._renderer.prompt(request.messages))
            self._check_fits(len(prompt), request.max_tokens)
            tokens = decoder.generate(prompt, request.max_tokens, self._sampling(request), go_on)
            pieces = (text.feed(token) for token in tokens if token not in self._dropped)
            yield from visible(pieces, (*request.stop, *self._renderer.stops))

    def score_choices(self, request: ChoiceRequest) -> list[tuple[float, ...]] | None:
        """Exact: the log-probabilities of a choice's tokens summed, then normalised over the choices."""
        deadline = Deadline(request.timeout)

        def go_on() -> bool:
            deadline.check()
            self._open()
            return True

        with self._failures_said_clearly():
            decoder = self._open()
            rows, places = self._choice_rows(request)
            found = decoder.log_probabilities(rows, go_on)
        return [normalised([sum(found[row][at][target] for row, at, target in spots) for spots in ending]) for ending in places]

    def _choice_rows(self, request: ChoiceRequest) -> tuple[list[Row], list[list[list[Spot]]]]:
        """The rows to compute, and for each ending and choice where in them its tokens are."""
        rows: list[Row] = []
        places: list[list[list[Spot]]] = []
        for ending in request.endings:
            prompt = self._renderer.prompt((*request.prefix, Message("user", ending)))
            ids = self._renderer.encode(prompt)
            choices = [tuple(self._renderer.continuation(prompt, ids, choice)) for choice in request.choices]
            self._check_fits(len(ids), max(map(len, choices)))
            ending_rows, ending_places = plan_rows(tuple(ids), choices)
            places.append([[(len(rows) + row, at, target) for row, at, target in spots] for spots in ending_places])
            rows.extend(ending_rows)
        return rows, places

    def complete_json(self, request: ChatRequest, schema: Mapping[str, Any]) -> tuple[Any, str]:
        return ask_for_json(lambda asked: "".join(self.stream(asked)), request, schema)

    def close(self) -> None:
        if self._decoder is not None:
            self._decoder = None
            _give_memory_back()

    def _open(self) -> CausalDecoder:
        if self._decoder is None:
            raise EngineUnavailable(f"the model {self._info.model} has been closed")
        return self._decoder

    @contextmanager
    def _failures_said_clearly(self) -> Iterator[None]:
        try:
            yield
        except EngineError:
            raise
        except Exception as error:  # a model's code, or its template, can raise anything
            if is_out_of_memory(error):
                if (decoder := self._decoder) is not None:
                    decoder.prefixes.clear()
                    _give_memory_back()
                line = f"out of memory running {self._info.model}: use a smaller model or shorter texts"
                raise EngineOutOfMemory(line) from error
            raise EngineError(f"{self._info.model} failed: {_first_line(error)}") from error

    def _check_fits(self, prompt: int, reply: int) -> None:
        window = self._info.context_tokens
        if window and prompt + reply > window:
            raise ContextOverflow(
                f"the prompt has {prompt} tokens and the reply may take {reply}: together more than the {window} "
                f"tokens {self._info.model} can read"
            )

    def _sampling(self, request: ChatRequest) -> Sampling:
        """What the request leaves open comes from the model's own generation settings."""
        return Sampling(
            temperature=request.temperature,
            top_p=request.top_p,
            seed=request.seed,
            top_k=int(self._defaults.top_k or 0),
            repetition_penalty=float(self._defaults.repetition_penalty or 1.0),
        )


def _load(found: ModelFolder, dtype: str, device_map: str | dict[str, str]) -> tuple[Any, Any]:
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from transformers.utils import logging

    logging.disable_progress_bar()  # it would be drawn over a terminal interview
    try:
        tokenizer = AutoTokenizer.from_pretrained(found.path, local_files_only=True)
        model, report = AutoModelForCausalLM.from_pretrained(
            found.path, local_files_only=True, dtype=dtype, device_map=device_map, output_loading_info=True
        )
    except Exception as error:  # loaders raise anything from KeyError to library types of their own
        if is_out_of_memory(error):
            raise EngineOutOfMemory(f"not enough memory to load {found.name}: choose a smaller model") from error
        raise EngineUnavailable(f"can't load {found.name}: {_first_line(error)}") from error
    if missing := sorted(report["missing_keys"]):
        # The library fills them with random numbers and only logs it: an encoder or a base without its head would babble.
        raise EngineUnavailable(
            f"{found.name} is not a text-generating model: its weights lack {missing[0]} (of {len(missing)})"
        )
    return model.eval(), tokenizer


def _give_memory_back() -> None:
    import gc

    import torch

    gc.collect()
    if torch.cuda.is_available():
        torch.cuda.empty_cache()
    elif torch.backends.mps.is_available():
        torch.mps.empty_cache()


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)


def _stop_tokens(model: Any, tokenizer: Any) -> frozenset[int]:
    """Every token that ends a turn: the model's own list, the tokenizer's, and ChatML's mark, which some configs forget."""
    named = model.generation_config.eos_token_id
    own = {named} if isinstance(named, int) else set(named or ())
    return frozenset({*own, tokenizer.eos_token_id, *_ids(tokenizer, ("<|im_end|>", "<|eot_id|>", "<end_of_turn>"))} - {None})


def _ids(tokenizer: Any, texts: tuple[str, ...]) -> frozenset[int]:
    """Ids of those texts that are tokens of their own."""
    added = {token.content: number for number, token in tokenizer.added_tokens_decoder.items()}
    return frozenset(added[text] for text in texts if text in added)


def _context(model: Any, tokenizer: Any) -> int:
    """The model's window in tokens; 0 when neither its configuration nor its tokenizer tells."""
    positions = getattr(model.config.get_text_config(decoder=True), "max_position_embeddings", None)
    known = [int(size) for size in (positions, tokenizer.model_max_length) if size and size < _NO_LIMIT]
    return min(known, default=0)
