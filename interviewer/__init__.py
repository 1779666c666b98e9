"""A mock interviewer for large-model and deep-learning jobs."""

__version__ = "0.1.0"
