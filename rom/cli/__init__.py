"""The `rom` command."""

from rom.cli.entry import main

__all__ = ['main']
