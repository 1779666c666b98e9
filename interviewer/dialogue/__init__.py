"""The next move from state and assessment (pure), and how it is said."""
