"""`python -m interviewer …` is the same program as the installed `interviewer` command."""

import sys

from interviewer.cli import main

if __name__ == "__main__":
    sys.exit(main())
