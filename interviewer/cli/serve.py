"""`interviewer serve`: the browser interview."""

from __future__ import annotations

import argparse

from interviewer.cli.common import settings_from


def serve(args: argparse.Namespace) -> int:
    """Serve until interrupted."""
    from interviewer.ui.app import serve as serve_pages
    from interviewer.wiring import build

    settings = settings_from(args)
    parts = build(settings)
    try:
        serve_pages(parts, settings.host, settings.port, open_browser=not args.no_browser)
    finally:
        parts.close()
    return 0
