"""`rom demo`: the characters of Unicode, and some questions about them."""

from rom.cli.demo.command import demo

__all__ = ['demo']
