"""A URL shortener: all of it that is the same in every framework."""
