"""JSON lines: dump models to lines of JSON, and load them into another server."""

from rom._core.ops.import_rows import ImportCounts as ImportCounts
from rom.jsonl.dumping import Block, highest, resume
from rom.jsonl.loading import Loaded
from rom.jsonl.operations import dump, load, reserve

__all__ = ['Block', 'Loaded', 'dump', 'highest', 'load', 'reserve', 'resume']
