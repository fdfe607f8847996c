"""One slot: a script works in one hash slot of a cluster, so its models need one hash tag."""

from __future__ import annotations

from collections.abc import Iterable

from rom._core.encoding.keys import hash_tag
from rom._core.ops.requests import Destination, Operation


def check_one_slot(heads: Iterable[bytes]) -> Operation[None]:
    """Check that one script can use these models, before anything is sent.

    Args:
        heads: the prefixes of the models' keys.

    Raises:
        InvalidOperation: they have several hash tags, and the client is one of a cluster.
    """
    found = tuple(dict.fromkeys(heads))
    if len(found) > 1 and len({hash_tag(head) for head in found}) > 1:
        yield Destination(found)
