"""The version is in one place, and has a heading in the changelog."""

import re
import subprocess
import tomllib
from pathlib import Path

import pytest

import rom
from rom._version import VERSION

ROOT = Path(__file__).resolve().parent.parent
HEADINGS = re.findall(
    r'^(\S+) \((.+)\)\n(-+)\n', (ROOT / 'CHANGELOG.rst').read_text('utf-8'), re.MULTILINE
)


def test_it_is_in_one_place() -> None:
    assert rom.VERSION is VERSION
    assert (ROOT / 'rom' / '_version.py').read_text('utf-8') == f"VERSION = '{VERSION}'\n"
    project = tomllib.loads((ROOT / 'pyproject.toml').read_text('utf-8'))
    assert project['project']['dynamic'] == ['version']
    attribute = project['tool']['setuptools']['dynamic']['version']['attr']
    assert attribute == 'rom._version.VERSION'


def test_nothing_else_repeats_it() -> None:
    listed = subprocess.run(
        ['git', 'grep', '--untracked', '-lF', f"'{VERSION}'", '--', '*.py', '*.toml', '*.rst'],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    if listed.returncode == 128:
        pytest.skip('no checkout: git does not know this folder')
    assert listed.stdout.split() == ['rom/_version.py']


def test_it_is_one_that_installers_understand() -> None:
    assert re.fullmatch(r'\d+\.\d+\.\d+((a|b|rc)\d+)?(\.post\d+)?(\.dev\d+)?', VERSION)


def test_the_changelog_begins_with_it() -> None:
    assert HEADINGS[0][0] == VERSION


def test_headings_are_dates_but_for_the_first() -> None:
    for place, (version, day, line) in enumerate(HEADINGS):
        assert re.fullmatch(r'\d{4}-\d\d-\d\d', day) or (place == 0 and day == 'unreleased')
        assert len(line) == len(f'{version} ({day})')


def test_kinds_of_changes_are_the_usual_ones() -> None:
    text = (ROOT / 'CHANGELOG.rst').read_text('utf-8')
    kinds = re.findall(r'^(.+)\n~+\n', text, re.MULTILINE)
    assert kinds
    assert set(kinds) <= {'Added', 'Changed', 'Deprecated', 'Removed', 'Fixed', 'Security'}
