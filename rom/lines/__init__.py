"""Lines: models as lines of JSON, out of one server and into another."""

from rom.lines.dumping import Block, dump, highest
from rom.lines.loading import Loaded, load
from rom.lines.reserving import reserve
from rom.lines.resuming import resume

__all__ = ['Block', 'Loaded', 'dump', 'highest', 'load', 'reserve', 'resume']
