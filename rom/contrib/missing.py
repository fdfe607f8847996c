"""What is said where a framework is not installed."""

from __future__ import annotations


def not_installed(module: str, framework: str, install: str) -> ImportError:
    """The error for a module of ours whose framework is missing."""
    return ImportError(f'{module} needs {framework}, which is not installed: pip install {install}')
