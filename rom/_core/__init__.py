"""The private core: a program imports from `rom` and its public modules, never from here."""
