"""Class bodies as text, as a program in a module of its own writes them."""

from __future__ import annotations

import sys
import types
from typing import Any

START = """\
import dataclasses, datetime, decimal, enum, ipaddress, uuid
from datetime import date
from typing import *

import annotated_types as at
import pydantic
import rom
from rom import Mapped, Ref, column, relation, related
"""
LATE = 'from __future__ import annotations\n'


def define(*lines: str, late: bool = True, before: str = '', base: str = 'rom.TypedModel') -> Any:
    """Define a class called Defined with these lines as its body, and return it.

    Args:
        *lines: the lines.
        late: the module has ``from __future__ import annotations``.
        before: code above the class.
        base: its bases.
    """
    body = '\n'.join(f'    {line}' for line in lines)
    source = f'{LATE if late else ""}{START}{before}\nclass Defined({base}):\n{body}\n'
    module = types.ModuleType('class_body')
    sys.modules['class_body'] = module  # as for a real module: pydantic looks there, too
    try:
        exec(compile(source, 'class_body.py', 'exec', dont_inherit=True), vars(module))
    finally:
        del sys.modules['class_body']
    return vars(module)['Defined']
