"""The log of a row: what all writers tried and heard about it, without what is beside the point."""

from collections.abc import Mapping

from tests.faults.journal import ACKNOWLEDGED, REFUSED, TRY, UNKNOWN, Deed, Event

#: Lines of a log, events shown on either side of one that matters, characters of a line.
MOST = 80
AROUND = 2
WIDTH = 160


def log_of(row: str, deeds: Mapping[str, Deed]) -> list[str]:
    """Return the events about a row that matter, in the order of time.

    Where there are too many, those are left out that are not near a deed which was ever in doubt,
    or told of something wrong; and of many tries in a row, all but the first and the last.
    """
    if not row:
        return []
    events = [event for deed in deeds.values() if deed.row == row for event in _short(deed)]
    events.sort(key=lambda event: event.time)
    if len(events) > MOST:
        doubtful = {deed.op for deed in deeds.values() if deed.row == row and _is_doubtful(deed)}
        near = {
            place + step
            for place, event in enumerate(events)
            if event.op in doubtful
            for step in range(-AROUND, AROUND + 1)
        }
        events = [event for place, event in enumerate(events) if place in near]
    return [str(event)[:WIDTH] for event in events[-MOST:]]


def _short(deed: Deed) -> list[Event]:
    """A deed's events; of tries that all were in doubt, the first and the last."""
    waiting = [event for event in deed.events if event.kind in (TRY, UNKNOWN)]
    left_out = {id(event) for event in waiting[2:-2]}
    return [event for event in deed.events if id(event) not in left_out]


def _is_doubtful(deed: Deed) -> bool:
    return any(event.kind not in (TRY, ACKNOWLEDGED, REFUSED) for event in deed.events)
