"""Migrations as programs declare them: a model, and steps that change its rows. Pure."""
