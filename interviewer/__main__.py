"""`python -m interviewer …` is the same program as the installed `interviewer` command."""

import sys

from interviewer.cli import program

if __name__ == "__main__":
    sys.exit(program())
