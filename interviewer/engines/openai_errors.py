"""What an OpenAI-compatible server or the way to it can do wrong → our errors, each one line a person can act on."""

from __future__ import annotations

import re
from typing import Any

from interviewer.domain.errors import ContextOverflow, EngineError, EngineTimeout, EngineUnavailable

#: How OpenAI, vLLM, SGLang, llama.cpp, Ollama and LM Studio say that a prompt is too long.
_OVERFLOW = re.compile(
    r"context_length_exceeded|exceed_context_size|maximum (context|input|model) length|context (length|size|window)"
    r"|longer than the model'?s? (context|maximum)|(prompt|input) is too long|too many tokens",
    re.IGNORECASE,
)
_MAX_REASON = 300


def reason_of(error: BaseException, secret: str = "") -> str:
    """The server's own words on one line, without the key should it be echoed."""
    body = getattr(error, "body", None)
    words = _words(body) or str(getattr(error, "message", "") or error) or type(error).__name__
    if secret:
        words = words.replace(secret, "***")
    return " ".join(words.split())[:_MAX_REASON]


def _words(body: Any) -> str:
    """Message and code of an error body: OpenAI's object, FastAPI's `detail`, or plain text. Never the echoed input."""
    if isinstance(body, str):
        return body
    if isinstance(body, list):
        return "; ".join(filter(None, map(_words, body)))
    if not isinstance(body, dict):
        return ""
    if "loc" in body and "msg" in body:
        return f"{body['msg']}: {'.'.join(map(str, body['loc']))}"
    inner = _words(body.get("error")) or _words(body.get("detail")) or _words(body.get("message"))
    extra = [str(body[key]) for key in ("code", "param") if isinstance(body.get(key), str) and body[key] not in inner]
    return f"{inner} ({', '.join(extra)})" if inner and extra else inner


def is_overflow(reason: str) -> bool:
    return _OVERFLOW.search(reason) is not None


def translate(error: Exception, base_url: str, model: str, secret: str) -> EngineError:
    """The error to raise instead of the client library's."""
    import openai

    reason = reason_of(error, secret)
    if isinstance(error, EngineError):
        return error
    if isinstance(error, openai.APITimeoutError | TimeoutError):
        return EngineTimeout(f"{base_url} did not answer in time")
    if isinstance(error, openai.APIStatusError):
        return _of_status(error.status_code, reason, base_url, model)
    if isinstance(error, openai.APIConnectionError):
        cause = reason_of(error.__cause__, secret) if error.__cause__ else reason
        return _retryable(EngineUnavailable(f"can't reach {base_url}: {cause}"))
    if type(error).__module__.partition(".")[0] in ("httpx", "httpx2", "httpcore", "httpcore2"):
        return _retryable(EngineUnavailable(f"the connection to {base_url} was lost: {reason}"))
    if isinstance(error, openai.APIError):  # the server reported it in the middle of a stream
        return ContextOverflow(reason) if is_overflow(reason) else _retryable(EngineError(f"{base_url} failed: {reason}"))
    return EngineError(f"{base_url} does not answer like an OpenAI-compatible server: {reason}")


def _of_status(status: int, reason: str, base_url: str, model: str) -> EngineError:
    if status in (400, 413, 422) and is_overflow(reason):
        return ContextOverflow(f"the prompt does not fit {model}: {reason}")
    if status in (401, 403):
        return EngineUnavailable(
            f"{base_url} refused the key (HTTP {status}): set OPENAI_API_KEY to one it accepts. It said: {reason}"
        )
    if status == 404:
        return EngineUnavailable(
            f"{base_url} has no model {model!r}, or the address is wrong (it usually ends in /v1). It said: {reason}"
        )
    if 300 <= status < 400:
        return EngineUnavailable(f"{base_url} sends us elsewhere (HTTP {status}); set the final address as base URL")
    if status == 429:
        return _retryable(EngineUnavailable(f"{base_url} is busy or out of quota (HTTP 429): {reason}"))
    failed = EngineError(f"{base_url} answered HTTP {status}: {reason}")
    return _retryable(failed) if status >= 500 or status in (408, 409) else failed


def _retryable(error: EngineError) -> EngineError:
    error.retryable = True
    return error
