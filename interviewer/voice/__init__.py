"""Speech: what was heard, and how an answer was delivered."""
