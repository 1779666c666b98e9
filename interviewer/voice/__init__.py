"""Speech to text, and how an answer was delivered. Reading aloud is the browser's own work (ui/static/aloud.js)."""
