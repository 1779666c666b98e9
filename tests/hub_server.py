"""A model hub on loopback, as far as its client needs one to download: listing, metadata, files with ranges. Misbehaves on request."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

COMMIT = "0123456789abcdef0123456789abcdef01234567"
#: Bytes the client asks the socket for at a time, so that small files come in many pieces.
CHUNK = 1024


@dataclass
class FakeHub:
    """One repository `name` with `files`; those ending in .safetensors are large-file storage."""

    name: str
    files: dict[str, bytes]
    url: str = ""
    cache: Path = Path()
    requests: list[tuple[str, str, str]] = field(default_factory=list)  # method, path, range
    drop_after: dict[str, int] = field(default_factory=dict)  # file → bytes after which the connection breaks, once
    hold: dict[str, int] = field(default_factory=dict)  # file → bytes after which it waits for `go_on`, once
    go_on: threading.Event = field(default_factory=threading.Event)
    ignore_ranges: bool = False
    serve_instead: dict[str, bytes] = field(default_factory=dict)  # what comes in place of a file's own bytes
    status: int = 0  # answers everything with this error

    def fetched(self, name: str) -> list[str]:
        """The ranges asked for of a file, an empty one for the whole."""
        return [span for method, path, span in self.requests if method == "GET" and path.endswith(f"/{name}")]


def _handler(hub: FakeHub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_HEAD(self) -> None:
            self._answer()

        def do_GET(self) -> None:
            self._answer()

        def log_message(self, *_: object) -> None:
            pass

        def _answer(self) -> None:
            path = urlsplit(self.path).path
            hub.requests.append((self.command, path, self.headers.get("Range", "")))
            if hub.status or hub.name not in path:
                status = hub.status or 404
                code = {403: "GatedRepo", 404: "RepoNotFound"}.get(status, "")
                self._send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": "no"})
            elif path.startswith("/api/models/") and "/tree/" in path:
                self._json([{"type": "file", "path": name, **_facts(name, data)} for name, data in hub.files.items()])
            elif path.startswith("/api/models/"):
                siblings = [{"rfilename": name, **_facts(name, data)} for name, data in hub.files.items()]
                for entry in siblings:
                    if "lfs" in entry:
                        entry["lfs"] = {"sha256": entry["lfs"]["oid"], "size": entry["size"], "pointerSize": 130}
                self._json({"id": hub.name, "modelId": hub.name, "sha": COMMIT, "siblings": siblings, "tags": []})
            else:
                self._file(path.rpartition("/")[2])

        def _file(self, name: str) -> None:
            data = hub.serve_instead.get(name, hub.files[name])
            headers = {"X-Repo-Commit": COMMIT, "ETag": f'"{_oid(name, hub.files[name])}"', "Accept-Ranges": "bytes"}
            span = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range", ""))
            start = int(span.group(1)) if span and not hub.ignore_ranges else 0
            if start:
                headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
            limit = hub.drop_after.pop(name, None) if self.command == "GET" else None
            held = hub.hold.pop(name, 0) if self.command == "GET" else 0
            self._send(206 if start else 200, data[start:], headers, limit, held)

        def _json(self, value: object) -> None:
            self._send(200, json.dumps(value).encode(), {"Content-Type": "application/json"})

        def _send(self, status: int, body: bytes, headers: dict[str, str], limit: int | None = None, held: int = 0) -> None:
            self.send_response(status)
            for key, value in {**headers, "Content-Length": str(len(body))}.items():
                self.send_header(key, value)
            self.end_headers()
            if self.command == "HEAD":
                return
            if held:
                self.wfile.write(body[:held])
                hub.go_on.wait(60)
            self.wfile.write(body[held:limit])
            if limit is not None:
                self.close_connection = True

    return Handler


def _facts(name: str, data: bytes) -> dict[str, object]:
    facts: dict[str, object] = {"size": len(data), "oid": hashlib.sha1(data).hexdigest()}
    if name.endswith(".safetensors"):
        facts["lfs"] = {"oid": _oid(name, data), "size": len(data), "pointerSize": 130}
    return facts


def _oid(name: str, data: bytes) -> str:
    return (hashlib.sha256 if name.endswith(".safetensors") else hashlib.sha1)(data).hexdigest()


@contextmanager
def fake_hub(name: str, files: dict[str, bytes], cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeHub]:
    """The hub's client talks to this one while it runs, and keeps its cache in `cache`."""
    from huggingface_hub import constants
    from huggingface_hub.utils import close_session

    hub = FakeHub(name, files, cache=cache)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(hub))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    hub.url = f"http://127.0.0.1:{server.server_address[1]}"
    for variable in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setattr(constants, "HUGGINGFACE_CO_URL_TEMPLATE", hub.url + "/{repo_id}/resolve/{revision}/{filename}")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(cache))
    monkeypatch.setattr(constants, "DOWNLOAD_CHUNK_SIZE", CHUNK)
    close_session()
    try:
        yield hub
    finally:
        close_session()
        server.shutdown()
        server.server_close()
