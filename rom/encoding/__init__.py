"""How values, scores, words and keys are written in Redis: pure functions, no server."""
