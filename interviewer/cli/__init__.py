"""The commands. Each is a thin shell over the parts; nothing heavy is imported before a command needs it."""

from interviewer.cli.main import main, program

__all__ = ["main", "program"]
