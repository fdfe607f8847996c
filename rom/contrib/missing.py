"""Error for a framework that is not installed."""

from __future__ import annotations


def not_installed(module: str, framework: str, install: str) -> ImportError:
    """Return the error for a rom module whose framework is missing."""
    return ImportError(f'{module} needs {framework}, which is not installed: pip install {install}')
