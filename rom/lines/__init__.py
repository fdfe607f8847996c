"""JSON lines: dump models to lines of JSON, and load them into another server."""

from rom.lines.dumping import Block, dump, highest
from rom.lines.loading import Loaded, load
from rom.lines.reserving import reserve
from rom.lines.resuming import resume

__all__ = ['Block', 'Loaded', 'dump', 'highest', 'load', 'reserve', 'resume']
