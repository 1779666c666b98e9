"""Errors a person can cause or mend. They are raised deep down and printed once, at the edge, as one line."""

from __future__ import annotations

from typing import Literal, get_args

#: Why a recording has no transcript: no recogniser is loaded, no WAV, too long, nobody spoke, others are waiting, it took too
#: long, the person stopped it, the model failed.
VoiceProblem = Literal["none", "unreadable", "too-long", "silent", "busy", "timeout", "stopped", "failed"]
VOICE_PROBLEMS: tuple[VoiceProblem, ...] = get_args(VoiceProblem)
#: Why a sentence is not said: one of those, or it holds letters that the voice was never taught.
SpeechProblem = VoiceProblem | Literal["unsayable"]


class InterviewerError(Exception):
    """Base of every error that is shown to a person instead of a traceback. `str(error)` is the whole message."""


class ConfigError(InterviewerError):
    """A setting has a value that can't be used."""


class BankError(InterviewerError):
    """A bank file breaks the format. The message names the file and, where known, the line."""


class DocumentError(InterviewerError):
    """A document can't be read at all (missing, binary, over the size limit)."""


class RetrievalIndexError(InterviewerError):
    """The index is missing, half-written, or made by another encoder."""


class EngineError(InterviewerError):
    """A model could not be loaded or did not answer."""

    #: Whether the same call may succeed if it is made again (a time-out, a 429 or a 5xx).
    retryable: bool = False


class EngineUnavailable(EngineError):
    """The server can't be reached, the folder holds no model, the key is refused, a package is missing."""


class EngineOutOfMemory(EngineUnavailable):
    """The model, or what it was asked to read, does not fit this machine's memory."""


class EngineTimeout(EngineError):
    """The model took longer than it was given."""

    retryable = True


class ContextOverflow(EngineError):
    """The prompt does not fit the model's context window."""


class PromptError(InterviewerError):
    """A prompt file is malformed, or a variable is missing when it is rendered."""


class SessionError(InterviewerError):
    """No such session, or the session is over."""


class StorageError(InterviewerError):
    """The database did not take or give what it was asked: locked, full, or gone."""


class NothingToLearn(InterviewerError):
    """There is no weak point to make a card of."""


class VoiceError(InterviewerError):
    """What was said could not be taken, or a sentence not said. `kind` names the reason for programs and pages; the message is
    for logs."""

    def __init__(self, kind: SpeechProblem, message: str) -> None:
        super().__init__(message)
        self.kind = kind
