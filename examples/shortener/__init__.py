"""A URL shortener: the parts that all frameworks share."""
