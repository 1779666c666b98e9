"""Offline figures for the grading, the retrieval and the interviewer: `python -m evals TASK`."""
