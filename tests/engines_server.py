"""A small OpenAI-compatible server on loopback that misbehaves on request. A real HTTP server, so clients meet real sockets."""

from __future__ import annotations

import asyncio
import hashlib
import json
import math
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn
from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response, StreamingResponse

#: Looks at a request's body and answers it, or returns None to leave it to the server's normal behaviour.
Hook = Callable[[dict[str, Any]], Response | None]

CONTEXT = 1000


@dataclass
class FakeServer:
    """What the tests set and see. `hook` runs first; `headers` and `bodies` keep what came in."""

    url: str = ""
    context: int = CONTEXT  # characters it takes: a token each, as in Chinese
    hook: Hook | None = None
    words: list[str] = field(default_factory=list)  # the reply, piece by piece; empty: derived from the request
    delay: float = 0.0  # seconds before each piece
    logprobs: dict[str, float] | None = None  # token → probability; None: this server tells none
    models: list[dict[str, Any]] = field(default_factory=lambda: [{"id": "fake", "object": "model", "max_model_len": CONTEXT}])
    bodies: list[dict[str, Any]] = field(default_factory=list)
    headers: list[dict[str, str]] = field(default_factory=list)
    disconnects: int = 0
    drop_after: int | None = None  # pieces after which the connection breaks

    def reply(self, body: dict[str, Any]) -> list[str]:
        if self.words:
            return self.words
        seed = hashlib.sha256(json.dumps([body["messages"], body.get("seed")]).encode()).digest()
        return [f"{'量化蒸馏剪枝注意力'[byte % 9]}{byte} " for byte in seed]


def error(status: int, message: str, code: str | None = None, **headers: str) -> JSONResponse:
    return JSONResponse({"error": {"message": message, "code": code}}, status_code=status, headers=headers)


def build_app(state: FakeServer) -> FastAPI:
    app = FastAPI()

    @app.get("/v1/models")
    async def models(request: Request) -> Response:
        state.headers.append(dict(request.headers))
        if state.hook and (answer := state.hook({"path": "/models"})) is not None:
            return answer
        return JSONResponse({"object": "list", "data": state.models})

    @app.post("/v1/chat/completions")
    async def chat(request: Request) -> Response:
        body = await request.json()
        state.bodies.append(body)
        state.headers.append(dict(request.headers))
        if state.hook and (answer := state.hook(body)) is not None:
            return answer
        size = sum(len(message["content"]) for message in body["messages"]) + body["max_tokens"]
        if size > state.context:
            return error(400, f"This model's maximum context length is {state.context} tokens, you asked for {size}.")
        pieces = state.reply(body)[: body["max_tokens"]]
        if body.get("stream"):
            return StreamingResponse(_events(state, request, pieces), media_type="text/event-stream")
        choice: dict[str, Any] = {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "".join(pieces)},
        }
        if body.get("logprobs") and state.logprobs is not None:
            choice["logprobs"] = {"content": [_listing(state.logprobs)]}
        return JSONResponse({"id": "1", "object": "chat.completion", "created": 0, "model": body["model"], "choices": [choice]})

    return app


def _listing(table: dict[str, float]) -> dict[str, Any]:
    rows = [{"token": token, "bytes": list(token.encode()), "logprob": math.log(p)} for token, p in table.items()]
    return {**rows[0], "top_logprobs": rows}


async def _events(state: FakeServer, request: Request, pieces: list[str]) -> AsyncIterator[str]:
    def event(delta: dict[str, Any], finish: str | None = None) -> str:
        choices = [{"index": 0, "delta": delta, "finish_reason": finish}]
        chunk = {"id": "1", "object": "chat.completion.chunk", "created": 0, "model": "fake", "choices": choices}
        return f"data: {json.dumps(chunk)}\n\n"

    try:
        yield event({"role": "assistant", "content": ""})
        yield event({"reasoning_content": "let me think about the secret reference"})
        for number, piece in enumerate(pieces):
            if state.drop_after == number:
                raise ConnectionAbortedError
            if state.delay:
                await asyncio.sleep(state.delay)
            yield event({"content": piece})
        yield event({}, "stop")
        yield "data: [DONE]\n\n"
    except asyncio.CancelledError:
        state.disconnects += 1
        raise


@contextmanager
def fake_server(port: int = 0) -> Iterator[FakeServer]:
    """The server's state while it runs, on a free port or the one given."""
    state = FakeServer()
    server = uvicorn.Server(uvicorn.Config(build_app(state), host="127.0.0.1", port=port, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    port = server.servers[0].sockets[0].getsockname()[1]
    state.url = f"http://127.0.0.1:{port}/v1"
    try:
        yield state
    finally:
        server.should_exit = True
        server.force_exit = True
        thread.join()


@contextmanager
def transformers_serve(model: Path, home: Path) -> Iterator[str]:
    """Runs `transformers serve` pinned to the model in `model`; gives its base URL. `home` takes its caches and log."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = "from transformers.cli.transformers import main; main()"
    options = [str(model), "--host", "127.0.0.1", "--port", str(port), "--device", "cpu"]
    environment = {**os.environ, "HF_HOME": str(home), "HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    with (home / "serve.log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-c", command, "serve", *options], env=environment, stdout=log, stderr=subprocess.STDOUT
        )
        try:
            while not _answers(f"http://127.0.0.1:{port}/health"):
                assert process.poll() is None, (home / "serve.log").read_text()
                time.sleep(0.1)
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()
            process.wait()


def _answers(url: str) -> bool:
    try:
        with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5):
            return True
    except OSError:
        return False
