"""Loading the characters: in batches, each of which is one commit, and so written whole or not at all.

What is there already is found by its code point and left out, so that loading can be stopped
anywhere, and go on later. Two programs may even load into one server at the same time: the
unique code point has the slower one's commit refused, and it looks again.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import batched
