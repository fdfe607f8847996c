"""The page of reindexing lists every kind of finding, those beyond repair last."""

import re

import pytest

from rom._core.ops.maintenance.findings import BEYOND_REPAIR, KINDS
from tests.support.pages import DOCS

pytestmark = pytest.mark.one_server

ROW = re.compile(r'^``(\w+)`` +\S', re.MULTILINE)


def test_every_kind_is_listed() -> None:
    page = (DOCS / 'howto' / 'reindexing.rst').read_text('utf-8')
    table = page.partition('\nkind            meaning\n')[2].partition('``repair=True``')[0]
    kinds = ROW.findall(table)
    assert sorted(kinds) == sorted(KINDS)
    assert set(kinds[-len(BEYOND_REPAIR) :]) == BEYOND_REPAIR
