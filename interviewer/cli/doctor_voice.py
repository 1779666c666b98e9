"""The doctor's part on speech: which recogniser and voices are named and whether they are here; which recogniser would suit."""

from __future__ import annotations

from interviewer.config import Settings
from interviewer.domain.questions import LANGS
from interviewer.engines.hardware import GIB, detect
from interviewer.engines.locate import find_cached, find_model
from interviewer.voice.catalogue import Suggested, suggest
from interviewer.voice.synthesiser import check_speaks, read_config


def recogniser(settings: Settings) -> str:
    """What hears, and why. Looks for the model's files; loads and fetches nothing. Raises EngineUnavailable."""
    if settings.recogniser:
        folder = find_model(settings.recogniser)
        return f"{folder.name} ({folder.parameters / 1e6:.0f} M weights in {folder.path}), because it was named"
    hardware = detect()
    found = suggest(hardware.free, hardware.threads, hardware.device != "cpu")
    if found is None:
        return "none, because none was named; this machine has too little free memory for any (typing needs none)"
    return f"none, because none was named (--recogniser NAME)\n{_explained(found, hardware.device != 'cpu')}"


def voices(settings: Settings) -> str:
    """What reads the interviewer aloud, a line a language. Loads and fetches nothing. Raises EngineUnavailable, VoiceError."""
    told = []
    for lang in LANGS:
        if not (name := settings.voice(lang)):
            told.append(f"{lang}: the browser's own, because none was named (--voice-{lang} NAME)")
            continue
        folder = find_model(name)
        check_speaks(read_config(folder.path, name), name)
        told.append(f"{lang}: {folder.name} ({folder.parameters / 1e6:.0f} M weights in {folder.path}), because it was named")
    return "\n".join(told)


def _explained(found: Suggested, accelerator: bool) -> str:
    about = (
        f"for this machine: {found.name}, {found.parameters / 1e6:.0f} M parameters, "
        f"{found.memory(accelerator) / GIB:.1f} GiB memory, {found.licence}, {found.languages} languages"
    )
    if find_cached(found.name):
        return f"{about}\nin the cache; to use it: interviewer serve --recogniser {found.name}"
    size = f"{found.download_bytes / 1e9:.1f} GB"
    command = f"interviewer serve --recogniser {found.name} --download"
    return f"{about}\nnot in the cache, {size} to fetch; to fetch and use it: {command}"
