"""The browser interview as one ASGI application, and a server for it.

Gradio is told to keep to itself before it is first imported: no analytics, no version check, no history in the browser, no
hub. What it would still do over HTTP is closed by `middleware`.
"""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Any

from interviewer.config import is_loopback
from interviewer.domain.errors import ConfigError
from interviewer.domain.questions import LANGS
from interviewer.ports import GradingItem
from interviewer.ui.html import static, styles
from interviewer.ui.live import LiveInterviews
from interviewer.ui.middleware import FetchGuard, HostGuard, PageLanguage, RouteGuard
from interviewer.ui.words import words_for
from interviewer.wiring import Parts

if TYPE_CHECKING:
    from fastapi import FastAPI

log = logging.getLogger(__name__)

_QUIET = {
    "GRADIO_ANALYTICS_ENABLED": "False",
    "GRADIO_RUN_HISTORY": "False",
    "GRADIO_MCP_SERVER": "False",
    "GRADIO_SSR_MODE": "False",
    "GRADIO_SHARE": "False",
    "HF_HUB_DISABLE_TELEMETRY": "1",
    "DO_NOT_TRACK": "1",
}
#: Uploaded documents larger than this are refused before they arrive whole.
LARGEST_UPLOAD = "10mb"
#: System fonts only; Chinese ones by name, since a browser's default for Chinese is often a serif.
_FONTS = ("system-ui", "-apple-system", "Segoe UI", "Roboto", "PingFang SC", "Hiragino Sans GB", "Microsoft YaHei",
          "Noto Sans CJK SC", "Source Han Sans SC", "sans-serif")  # fmt: skip
_MONO = ("ui-monospace", "SFMono-Regular", "Consolas", "Noto Sans Mono CJK SC", "monospace")


def make_app(parts: Parts, listens_to: str = "127.0.0.1") -> FastAPI:
    """The application: /zh/ and /en/, and `/` that leads to the right one. Closing `parts` is the caller's business."""
    _quiet_gradio(parts.settings.data / "cache" / "uploads")
    import gradio as gr
    from fastapi import FastAPI

    from interviewer.ui.page import Page
    from interviewer.ui.reading_routes import add_reading_routes
    from interviewer.ui.routes import add_routes
    from interviewer.ui.voice_routes import add_voice_routes

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None)
    add_routes(app, parts)
    add_voice_routes(app, parts)
    lives = LiveInterviews(parts.interviews, parts.confidences, asked=parts.expect_answer)
    add_reading_routes(app, parts, lives)
    for lang in LANGS:
        app = gr.mount_gradio_app(app, Page(parts, lives, words_for(lang)).build(), path=f"/{lang}", **_look())
    app.add_middleware(PageLanguage)
    app.add_middleware(FetchGuard)
    app.add_middleware(RouteGuard, framed=parts.settings.framed)
    app.add_middleware(HostGuard, listens_to=listens_to, names=parts.settings.allowed_hosts.split(","))
    return app


def serve(parts: Parts, host: str, port: int, open_browser: bool = False) -> None:
    """Serve until interrupted. The address is printed once, when it answers; port 0 takes a free one.

    Raises ConfigError when the address can't be had.
    """
    import uvicorn

    listener = _bound(host, port)
    config = uvicorn.Config(make_app(parts, host), log_level="warning", access_log=False, timeout_graceful_shutdown=3)
    address = page_address(host, listener.getsockname()[1])

    class Announcing(uvicorn.Server):
        async def startup(self, sockets: Any = None) -> None:
            await super().startup(sockets)
            print(address, flush=True)
            threading.Thread(target=_warm_up, args=(parts,), name="warm-up", daemon=True).start()
            if not is_loopback(host):
                print("Everyone who can reach this address sees all interviews kept here.", file=sys.stderr, flush=True)
            if open_browser and _has_display():
                threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    Announcing(config).run(sockets=[listener])


def page_address(host: str, port: int) -> str:
    """What to type into a browser on this machine."""
    name = "127.0.0.1" if host in ("0.0.0.0", "::", "") else f"[{host}]" if ":" in host else host  # noqa: S104
    return f"http://{name}:{port}/"


def _bound(host: str, port: int) -> socket.socket:
    """A socket at that address, taken before the pages are built so that a clash is told at once. Raises ConfigError."""
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        listener = socket.socket(family, kind, protocol)
    except OSError as error:
        raise ConfigError(f"can't listen on {host}: {error.strerror}") from error
    try:
        if sys.platform != "win32":  # there it would let two programs share a port
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
    except OSError as error:
        listener.close()
        reason = f"{error.strerror}; choose another port with --port (or INTERVIEWER_PORT)"
        raise ConfigError(f"can't listen on {host} port {port}: {reason}") from error
    return listener


def _warm_up(parts: Parts) -> None:
    """Build what the first answer needs while the person is still reading, so that it isn't the first answer that waits."""
    try:
        grader = parts.builtin_grader()
        parts.retriever.search("warm-up", 1)
        for question in parts.bank.questions[:1]:  # word lists and models are read at the first answer
            grader.grade(GradingItem(question, "That depends. 这个要看情况。"))
    except Exception:
        log.exception("the grader or the index could not be prepared")


def _has_display() -> bool:
    """Whether a window could appear; without one, some systems would open a text browser over the terminal."""
    return sys.platform in ("win32", "darwin") or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))


def _quiet_gradio(uploads: Path) -> None:
    for name, value in _QUIET.items():
        os.environ[name] = value
    uploads.mkdir(parents=True, exist_ok=True)
    os.environ["GRADIO_TEMP_DIR"] = str(uploads)


def _look() -> dict[str, Any]:
    import gradio as gr

    theme = gr.themes.Base(primary_hue="indigo", neutral_hue="slate", radius_size="md", font=[*_FONTS], font_mono=[*_MONO]).set(
        button_primary_background_fill="*primary_600",
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_secondary_background_fill="*neutral_100",
        body_text_color_subdued="*neutral_600",
        body_text_color_subdued_dark="*neutral_300",
        input_placeholder_color="*neutral_500",
        input_placeholder_color_dark="*neutral_400",
    )
    return {
        "theme": theme,
        "css": styles(),
        "head": static("theme.html") + static("head.html"),
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,
        "max_file_size": LARGEST_UPLOAD,
        "ssr_mode": False,
        "pwa": False,
        "mcp_server": False,
        "allowed_paths": [],
        "show_error": False,
    }
