"""The conversation with one OpenAI-compatible server, as coroutines: what is sent, what the server refuses, what comes back.

Knows the wire; threads, retries of meaning (JSON) and the arithmetic of choices are elsewhere.
"""

from __future__ import annotations

import asyncio
import ipaddress
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any, cast
from urllib.parse import urlsplit

from interviewer.domain.errors import EngineError, EngineUnavailable
from interviewer.engines.openai_errors import is_overflow, reason_of, translate
from interviewer.engines.streams import Deadline
from interviewer.engines.thinking import SWITCHES
from interviewer.ports import ChatRequest, EngineInfo, Message

CONNECT_SECONDS = 10.0
#: Names of models to show, of those a server lists.
_LISTED = 8
#: Fields a server may refuse without the reply becoming worthless; once refused they are not sent again.
_OPTIONAL = ("seed", "top_p", "temperature", "chat_template_kwargs")
#: What a caller can do without, by the name that a refusal gives it.
_CALLERS = ("response_format", "logprobs")
#: Understood by vLLM, SGLang, llama.cpp and transformers serve, ignored by most others.
_NO_THINKING = {"chat_template_kwargs": dict(SWITCHES)}
#: The client library describes the machine, and the account, in these; a local server needs none of them.
_UNSENT_HEADERS = (
    "X-Stainless-Lang", "X-Stainless-Package-Version", "X-Stainless-OS", "X-Stainless-Arch", "X-Stainless-Runtime",
    "X-Stainless-Runtime-Version", "OpenAI-Organization", "OpenAI-Project",
)  # fmt: skip


class Refused(Exception):
    """The server does not know a field that the caller can do without (`response_format`, `logprobs`)."""


class Server:
    """One server and model. Its coroutines must run in one event loop. They raise EngineError, never the library's errors."""

    def __init__(self, base_url: str, model: str, api_key: str, max_retries: int) -> None:
        import openai

        address = _checked(base_url)
        self.base_url = _without_login(address)  # what people see
        if not all("!" <= letter <= "~" for letter in api_key):
            raise EngineUnavailable("the API key holds characters no key has: was something else pasted?")
        self.model = model
        self._secret = api_key
        self._refused: set[str] = set()
        self._limit_name = "max_tokens"
        http = openai.DefaultAsyncHttpxClient(trust_env=not _is_loopback(address), follow_redirects=False)
        self._client = openai.AsyncOpenAI(
            base_url=address,
            api_key=api_key or "none",  # the library insists on one; servers without keys ignore it
            max_retries=max_retries,
            http_client=http,
            default_headers=cast(dict[str, str], {name: openai.Omit() for name in _UNSENT_HEADERS}),
        )

    async def connect(self, deadline: Deadline) -> EngineInfo:
        """Sees that the server answers and settles the model: the one named, else the first listed."""
        info = EngineInfo(name="openai", model=self.model, device=self.base_url)
        try:
            async with self._within(deadline):
                pages = self._client.with_options(max_retries=0).models.list(timeout=self._timeouts(deadline))
                listed = [dict(model) async for model in pages]
        except EngineError as error:
            status = getattr(error.__cause__, "status_code", None)
            if status in (None, 401, 403):
                raise
            if not self.model:
                raise EngineUnavailable(
                    f"{self.base_url} does not list its models (HTTP {status}): name one with --model (or INTERVIEWER_MODEL), "
                    "and see that the address is right (it usually ends in /v1)"
                ) from error
            await self._prove([], deadline)
            return info  # it answers, only not with a list; the model was named, so nothing is lost
        if not self.model:
            if not listed:
                raise EngineUnavailable(f"{self.base_url} lists no models: name one with --model (or INTERVIEWER_MODEL)")
            self.model = str(listed[0]["id"])
        entry = next((model for model in listed if model.get("id") == self.model), None)
        if entry is None:
            await self._prove([str(model.get("id")) for model in listed], deadline)
            entry = {}
        return replace(info, model=self.model, context_tokens=_window(entry))

    async def _prove(self, listed: list[str], deadline: Deadline) -> None:
        """Ask a model that the server doesn't list for one token. Raises EngineError when it is refused: better now than in
        the middle of an interview. Many servers load models that they don't list, so trouble of other kinds proves nothing."""
        try:
            async with self._within(deadline):
                await self._create((Message("user", "Hi"),), {}, 1, deadline)
        except EngineError as error:
            status = getattr(error.__cause__, "status_code", None)
            if status == 404 and listed:
                names = ", ".join(listed[:_LISTED]) + (", …" if len(listed) > _LISTED else "")
                raise EngineUnavailable(f"{self.base_url} has no model {self.model!r}; it lists {names}") from error
            if status in (400, 401, 403, 404):
                raise

    async def stream(self, request: ChatRequest, deadline: Deadline) -> AsyncIterator[str]:
        """The visible part of the reply, as it comes. A server's separate `reasoning_content` is never read."""
        async with self._within(deadline):
            stream = await self._create(request.messages, _options(request), request.max_tokens, deadline, stream=True)
            finished = False
            async with stream:
                async for chunk in stream:
                    for choice in chunk.choices[:1]:
                        finished = finished or choice.finish_reason is not None
                        if choice.delta and choice.delta.content:
                            yield choice.delta.content
            if not finished:
                error = EngineUnavailable(f"the connection to {self.base_url} was lost in the middle of the reply")
                error.retryable = True
                raise error

    async def complete(self, request: ChatRequest, response_format: Mapping[str, Any] | None, deadline: Deadline) -> str:
        """The whole reply. Raises Refused when the server won't take the response format."""
        extra = {"response_format": response_format} if response_format else {}
        async with self._within(deadline):
            reply = await self._create(request.messages, {**_options(request), **extra}, request.max_tokens, deadline)
            return reply.choices[0].message.content or ""

    async def first_token(self, messages: tuple[Message, ...], size: int, deadline: Deadline) -> dict[bytes, float] | None:
        """Log-probabilities of the `size` likeliest first tokens, by their bytes; None when the server tells none.

        Raises Refused when it won't be asked. Temperature 1, since some servers scale what they tell by it.
        """
        options = {"logprobs": True, "top_logprobs": size, "temperature": 1.0, "seed": 0, **_NO_THINKING}
        async with self._within(deadline):
            reply = await self._create(messages, options, 1, deadline)
        told = reply.choices[0].logprobs if reply.choices else None
        if not told or not told.content or not told.content[0].top_logprobs:
            return None
        return {_bytes_of(entry): entry.logprob for entry in told.content[0].top_logprobs}

    async def close(self) -> None:
        await self._client.close()

    async def _create(
        self, messages: tuple[Message, ...], options: dict[str, Any], limit: int, deadline: Deadline, stream: bool = False
    ) -> Any:
        """One call, made again without what the server refuses by name."""
        import openai

        while True:
            sent = {name: value for name, value in options.items() if name not in self._refused}
            sent[self._limit_name] = limit
            template = sent.pop("chat_template_kwargs", None)
            try:
                return await self._client.chat.completions.create(
                    model=self.model,
                    messages=[{"role": message.role, "content": message.content} for message in messages],  # type: ignore[misc]
                    stream=stream,
                    timeout=self._timeouts(deadline),
                    extra_body={"chat_template_kwargs": template} if template else None,
                    **sent,
                )
            except (openai.BadRequestError, openai.UnprocessableEntityError) as error:
                if not self._learn(reason_of(error), options):
                    raise

    def _learn(self, reason: str, options: Mapping[str, Any]) -> bool:
        """Whether the refusal names something that can be left out or renamed. Raises Refused for the caller's own fields."""
        if is_overflow(reason):
            return False
        if "max_completion_tokens" in reason and self._limit_name == "max_tokens":
            self._limit_name = "max_completion_tokens"
            return True
        if any(name in options and name in reason for name in _CALLERS):
            raise Refused(reason)
        named = {name for name in _OPTIONAL if name in options and name in reason} - self._refused
        self._refused |= named
        return bool(named)

    @asynccontextmanager
    async def _within(self, deadline: Deadline) -> AsyncIterator[None]:
        """Everything inside ends with the deadline, and fails with an EngineError."""
        try:
            async with asyncio.timeout(deadline.left()):
                yield
        except (EngineError, Refused):
            raise
        except Exception as error:
            if not deadline.left():
                raise deadline.error() from error
            raise translate(error, self.base_url, self.model, self._secret) from error

    def _timeouts(self, deadline: Deadline) -> Any:
        import openai

        return openai.Timeout(max(deadline.left(), 0.001), connect=CONNECT_SECONDS)


def _options(request: ChatRequest) -> dict[str, Any]:
    """Stop strings stay here: the reader holds to them and hangs up. Servers allow only four, or lose text before them."""
    return {"temperature": request.temperature, "top_p": request.top_p, "seed": request.seed, **_NO_THINKING}


def _checked(base_url: str) -> str:
    parts = urlsplit(base_url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise EngineUnavailable(f"{base_url!r} is not the address of a server; it looks like http://127.0.0.1:8000/v1")
    return base_url.rstrip("/")


def _without_login(address: str) -> str:
    parts = urlsplit(address)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def _is_loopback(base_url: str) -> bool:
    host = urlsplit(base_url).hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


def _window(entry: Mapping[str, Any]) -> int:
    """The context window as vLLM and SGLang (`max_model_len`) or llama.cpp (`meta.n_ctx`) list it; 0 when not told."""
    meta = entry.get("meta")
    told = [entry.get("max_model_len"), entry.get("context_length")]
    told += [meta.get("n_ctx"), meta.get("n_ctx_train")] if isinstance(meta, Mapping) else []
    return next((value for value in told if isinstance(value, int) and value > 0), 0)


def _bytes_of(entry: Any) -> bytes:
    """A listed token's bytes; some servers leave them out, and some of those write a leading space as ▁."""
    return bytes(entry.bytes) if entry.bytes else str(entry.token).replace("▁", " ").encode()
