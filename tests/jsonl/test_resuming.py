"""Resuming: whatever a dump that was broken off leaves, the file is whole in the end."""

import json
from pathlib import Path

import pytest
import redis

import rom
from rom import jsonl

pytestmark = pytest.mark.one_server


class ResumeUser(rom.Model):
    name = rom.Text()


class ResumeTeam(rom.Model):
    name = rom.Text()


@pytest.fixture
def whole(raw: redis.Redis) -> bytes:
    """A dump of two models, with one line longer than a block of the file."""
    rom.util.CONNECTION = raw
    for number in range(1, 4):
        ResumeUser(name='x' * (100_000 if number == 2 else 5))
        ResumeTeam(name='y')
    rom.session.commit()
    return b''.join(block.text for block in jsonl.dump(ResumeUser, ResumeTeam))


def go_on(path: Path) -> bytes:
    file, after = jsonl.resume(path, ResumeUser, ResumeTeam)
    with file:
        for block in jsonl.dump(ResumeUser, ResumeTeam, after=after):
            file.write(block.text)
    return path.read_bytes()


def test_cut_off_anywhere(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / 'dump'
    ends = [place + 1 for place, byte in enumerate(whole) if byte == 10]
    places = {0, 1, 9, 10, 50, *ends, *(end - 1 for end in ends), *(end + 3 for end in ends)}
    for place in sorted(places):
        path.write_bytes(whole[:place])
        assert go_on(path) == whole, place


def test_a_new_file(whole: bytes, tmp_path: Path) -> None:
    assert go_on(tmp_path / 'dump') == whole


def test_what_came_since_is_added(whole: bytes, tmp_path: Path) -> None:
    path = tmp_path / 'dump'
    path.write_bytes(whole)
    ResumeTeam(name='z').save()
    added = go_on(path).removeprefix(whole)
    assert json.loads(added) == {'model': 'ResumeTeam', 'id': 4, 'columns': {'name': 'z'}}


@pytest.mark.parametrize(
    ('text', 'what'),
    [
        (b'my notes', "is not a dump: its last line begins with b'my notes'"),
        (b'my\nnotes\n', 'is not a dump of these models; its last line: invalid JSON'),
        (
            b'{"model": "Other", "id": 1, "columns": {}}\n',
            'its last line: "model": expected one of',
        ),
        (b'{"a": 1}', 'is not a dump: its last line begins with'),
    ],
)
def test_a_file_of_something_else_is_left_alone(tmp_path: Path, text: bytes, what: str) -> None:
    path = tmp_path / 'dump'
    path.write_bytes(text)
    with pytest.raises(rom.InvalidOperation) as caught:
        jsonl.resume(path, ResumeUser)
    assert what in str(caught.value)
    assert path.read_bytes() == text
