"""What stands between the network and Gradio: which hosts and origins are answered, which routes exist, what pages may load.

Pure ASGI, so that streamed replies pass through unbuffered. Knows nothing of interviews.
"""

from __future__ import annotations

import ipaddress
import json
import re
from collections.abc import Collection
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from interviewer.config import is_loopback
from interviewer.ui.html import static
from interviewer.ui.words import LOCALES

#: Gradio's front end compiles templates and applies inline styles, hence the two `unsafe-`; what matters is that nothing,
#: whatever slipped into a text, can be loaded from or sent to another address.
POLICY = (
    "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; media-src 'self' data: blob:; connect-src 'self' data: blob:; "
    "worker-src 'self' blob:; frame-src 'none'; object-src 'none'; base-uri 'self'; form-action 'self'"
)
#: Remembers the language a person last chose, so that the front door leads there next time.
LANGUAGE_COOKIE = "interviewer-language"
#: Gradio routes that fetch other addresses for the caller, describe the server, or that this program has no use for.
_CLOSED = re.compile(
    r"/file=https?:|/proxy=|/(?:undo-)?vibe-|/deep_link|/monitoring|/process_recording|/component_server|/custom_component/|"
    r"/gradio_api/(?:info|openapi\.json|runs|mcp|call)|/(?:robots\.txt|pwa_icon|manifest\.json)"
)
#: Posts that carry a file: Gradio's own uploads, and recordings on their way to the recogniser.
_CARRY_FILES = ("/gradio_api/upload", "/voice/transcribe")
#: The most bytes of a posted JSON; a long answer has some ten thousand.
MOST_JSON = 4_000_000
_ADDRESS = re.compile(r"\s*(?:[a-z][a-z0-9+.\-]*:|[\\/]{2})", re.IGNORECASE)


class HostGuard:
    """Answers only to names that can't be a stranger's, so that no web page can reach the server through a name of its own
    (DNS rebinding), and takes changes only from its own pages (a foreign `Origin` is refused).

    Loopback names are always answered. When the server listens to the network, plain IP addresses are too, since an address
    can't be rebound; any other name must be given in `names`.
    """

    def __init__(self, app: ASGIApp, listens_to: str, names: Collection[str] = ()) -> None:
        self._app = app
        self._open = not is_loopback(listens_to)
        self._names = {name.strip().lower() for name in (*names, listens_to) if name.strip()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self._app(scope, receive, send)
            return
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not self._answers_to(host):
            reply = PlainTextResponse(
                "This server does not answer to that host name. Add it to INTERVIEWER_ALLOWED_HOSTS to allow it.\n", 400
            )
            await reply(scope, receive, send)
            return
        origin = headers.get("origin")
        own = not origin or origin.lower().partition("://")[2] == host.lower()
        if not own and scope.get("method") not in ("GET", "HEAD", "OPTIONS"):
            await PlainTextResponse("Requests from other sites are refused.\n", 403)(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _answers_to(self, host: str) -> bool:
        try:
            name = urlsplit(f"//{host}").hostname or ""
        except ValueError:  # such as half an IPv6 address
            return False
        if name in self._names or is_loopback(name):
            return True
        if not self._open:
            return False
        try:
            ipaddress.ip_address(name)
        except ValueError:
            return False
        return True


class RouteGuard:
    """Closes Gradio routes that nothing here needs, and adds the security headers to everything else."""

    def __init__(self, app: ASGIApp, framed: bool = False) -> None:
        self._app = app
        self._policy = POLICY if framed else POLICY + "; frame-ancestors 'none'"

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        path: str = scope["path"]
        if _CLOSED.search(path):
            await PlainTextResponse("Not found.\n", 404)(scope, receive, send)
            return

        async def send_with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                headers["Content-Security-Policy"] = self._policy
                headers["X-Content-Type-Options"] = "nosniff"
                headers["Referrer-Policy"] = "no-referrer"
                headers["Cross-Origin-Opener-Policy"] = "same-origin"
                headers["Permissions-Policy"] = "microphone=(self), camera=(), geolocation=()"
                if "/assets/" in path and path.endswith((".js", ".css", ".woff2")):
                    headers["Cache-Control"] = "public, max-age=604800, immutable"  # the names carry a hash
            await send(message)

        await self._app(scope, receive, send_with_headers)


class FetchGuard:
    """Refuses posted file descriptions that name a web address: Gradio would fetch it, and nothing may leave the machine.

    Reads the JSON of every post but uploads and recordings, which carry the file itself; at most `MOST_JSON` bytes of it.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["method"] != "POST" or scope["path"].endswith(_CARRY_FILES):
            await self._app(scope, receive, send)
            return
        body = bytearray()
        more = True
        while more:
            message = await receive()
            if message["type"] != "http.request":  # the client has gone
                return
            body.extend(message.get("body", b""))
            more = message.get("more_body", False)
            if len(body) > MOST_JSON:
                await PlainTextResponse("The request is too large.\n", 413)(scope, receive, send)
                return
        if _names_an_address(bytes(body), Headers(scope=scope).get("host", "")):
            await PlainTextResponse("Files are not fetched from other addresses.\n", 400)(scope, receive, send)
            return
        replayed = False

        async def replay() -> Message:
            nonlocal replayed
            if replayed:
                return await receive()  # the disconnect, when it comes
            replayed = True
            return {"type": "http.request", "body": bytes(body), "more_body": False}

        await self._app(scope, replay, send)


def _names_an_address(body: bytes, host: str) -> bool:
    """Whether JSON holds, at any depth, an object whose `path` isn't a plain local one, or whose `url` isn't one of `host`
    (where the front end finds the files it has uploaded)."""
    if b"path" not in body and b"url" not in body and b"\\u" not in body and b"\0" not in body:
        return False  # nearly every request; escapes and UTF-16 would hide the names
    try:
        todo = [json.loads(body)]
    except (ValueError, RecursionError):
        return False  # no JSON: Gradio refuses it as well
    while todo:
        value = todo.pop()
        if isinstance(value, dict):
            path, url = value.get("path"), value.get("url")
            if isinstance(path, str) and _ADDRESS.match(path):
                return True
            if isinstance(url, str) and _ADDRESS.match(url) and not _own(url, host):
                return True
            todo.extend(value.values())
        elif isinstance(value, list):
            todo.extend(value)
    return False


def _own(url: str, host: str) -> bool:
    """Whether an address is this server's. `host` has passed the HostGuard."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return False
    return bool(host) and parts.scheme in ("http", "https") and parts.netloc.lower() == host.lower()


class PageLanguage:
    """Makes the page at /zh/ a Chinese one and the page at /en/ an English one, whatever the browser prefers.

    Gradio labels its own parts after `navigator.language` and always writes `<html lang="en">`. Both are corrected before its
    scripts run, and its clocks slowed down (frames.html); social-media tags, which name an outside address, are taken out.
    """

    _PAGE = re.compile(r"/(zh|en)/?")

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        page = self._PAGE.fullmatch(scope["path"]) if scope["type"] == "http" and scope["method"] == "GET" else None
        if page is None:
            await self._app(scope, receive, send)
            return
        locale = LOCALES["zh" if page[1] == "zh" else "en"]
        plain = [(name, value) for name, value in scope["headers"] if name != b"accept-encoding"]
        start: Message = {}
        body = bytearray()

        async def rewrite(message: Message) -> None:
            nonlocal start
            if message["type"] == "http.response.start":
                start = message
                return
            if message["type"] != "http.response.body":
                await send(message)
                return
            body.extend(message.get("body", b""))
            if message.get("more_body"):
                return
            out = _in_language(body.decode("utf-8"), locale).encode("utf-8")
            headers = MutableHeaders(scope=start)
            headers["content-length"] = str(len(out))
            headers.append("set-cookie", f"{LANGUAGE_COOKIE}={page[1]}; Path=/; Max-Age=31536000; SameSite=Lax; HttpOnly")
            await send(start)
            await send({"type": "http.response.body", "body": out})

        await self._app({**scope, "headers": plain}, receive, rewrite)


def _in_language(html: str, locale: str) -> str:
    fix = (
        f"<script>for (const [k, v] of [['language', '{locale}'], ['languages', ['{locale}']]]) "
        "try { Object.defineProperty(navigator, k, {get: () => v}) } catch (e) {}</script>"
    )
    html = re.sub(r'(<html\s[^>]*?lang=")[^"]*', rf"\g<1>{locale}", html, count=1)
    html = re.sub(r'<meta\s+(?:property|name)="(?:og|twitter):[^>]*>', "", html)
    return html.replace("<head>", "<head>" + fix + static("frames.html"), 1)
