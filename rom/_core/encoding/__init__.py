"""The forms of values, scores, words and keys in Redis: pure functions, no server."""
