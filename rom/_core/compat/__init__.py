"""Names of rom 1.x that nothing else in rom uses."""
