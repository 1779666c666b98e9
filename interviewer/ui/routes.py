"""The plain routes beside Gradio's: the front door, health, a report's downloads, and everything as one archive."""

from __future__ import annotations

import re

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, PlainTextResponse, RedirectResponse, Response, StreamingResponse

from interviewer.domain.errors import InterviewerError
from interviewer.domain.questions import LANGS, Lang
from interviewer.own_data import archive
from interviewer.report import Report, to_apkg, to_json, to_markdown
from interviewer.ui.middleware import LANGUAGE_COOKIE
from interviewer.ui.settings_data import may_manage
from interviewer.wiring import Parts

#: What a report can be downloaded as, by the ending asked for.
_MEDIA_TYPES = {"md": "text/markdown; charset=utf-8", "json": "application/json", "apkg": "application/octet-stream"}


def preferred_language(cookie: str | None, accept: str) -> Lang:
    """The chosen language; else the first of Chinese and English the browser names; else English."""
    for tag in (cookie or "", *_by_quality(accept)):
        for lang in LANGS:
            if tag.split("-")[0] == lang:
                return lang
    return "en"


def _by_quality(accept: str) -> list[str]:
    ranked = []
    for place, item in enumerate(accept.lower().split(",")):
        tag, _, parameters = item.strip().partition(";")
        quality = re.search(r"q\s*=\s*([\d.]+)", parameters)
        try:
            ranked.append((-float(quality[1]) if quality else -1.0, place, tag.strip()))
        except ValueError:
            continue
    return [tag for _, _, tag in sorted(ranked)]


def add_routes(app: FastAPI, parts: Parts) -> None:
    """Add the routes to `app`. They must come before Gradio's mounts."""

    @app.api_route("/", methods=["GET", "HEAD"])
    def front_door(request: Request) -> RedirectResponse:
        lang = preferred_language(request.cookies.get(LANGUAGE_COOKIE), request.headers.get("accept-language", ""))
        return RedirectResponse(f"/{lang}/", status_code=302)

    @app.get("/favicon.ico")
    def no_icon() -> Response:
        return Response(status_code=204)

    @app.get("/healthz")
    def health() -> JSONResponse:
        return JSONResponse({"ok": True, "engine": parts.engine_status().state})

    @app.get("/everything.zip")
    def everything(request: Request) -> Response:
        if not may_manage(parts.settings):
            return PlainTextResponse("Not allowed here; see INTERVIEWER_MANAGE.\n", 403)
        if request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none"):
            return PlainTextResponse("Requests from other sites are refused.\n", 403)
        headers = {"Content-Disposition": 'attachment; filename="interviewer-data.zip"', "Cache-Control": "no-store"}
        return StreamingResponse(archive(parts.settings, parts.store), media_type="application/zip", headers=headers)

    @app.get("/report/{name}")
    def download(name: str, lang: str = "en") -> Response:
        session_id, _, kind = name.rpartition(".")
        if kind not in _MEDIA_TYPES:
            return PlainTextResponse("Not found.\n", 404)
        try:
            report_of = parts.interviews.report if kind == "apkg" else parts.interviews.full_report  # no passages on cards
            report = report_of(session_id)
            if report.session.status != "finished" and report.session.setup.mode == "real":
                return PlainTextResponse("The interview is still running.\n", 409)
            content = _content(report, kind, "zh" if lang == "zh" else "en")
        except InterviewerError as error:
            return PlainTextResponse(f"{error}\n", 404)
        filename = f"interview-{report.session.created_at:%Y-%m-%d-%H%M}.{kind}"
        headers = {"Content-Disposition": f'attachment; filename="{filename}"', "Cache-Control": "no-store"}
        return Response(content, media_type=_MEDIA_TYPES[kind], headers=headers)


def _content(report: Report, kind: str, lang: Lang) -> str | bytes:
    if kind == "apkg":
        return to_apkg(report)
    return to_json(report) if kind == "json" else to_markdown(report, lang)
