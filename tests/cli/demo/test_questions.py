"""Every answer is what plain Python finds in unicodedata, and what is shown is what ran."""

import io
import string
import unicodedata
from collections.abc import Callable
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

import rom
from rom.cli.demo.answers import line_of, rows_of
from rom.cli.demo.characters import Character, code_points, count_existing, load_characters
from rom.cli.demo.questions import QUESTIONS, Answer, ask, prepared_names
from rom.cli.demo.screens import RichScreen
from tests.support.servers import Server

SLICE, MOST = 6000, 40_000

Points = list[int]


# --- the oracle ----------------------------------------------------------------------------------


def name(point: int) -> str:
    return unicodedata.name(chr(point))


def words(point: int) -> set[str]:
    return {word.strip(string.punctuation) for word in name(point).lower().split()}


def number(point: int) -> float | None:
    return unicodedata.numeric(chr(point), None)


def within(point: int, low: float, high: float) -> bool:
    value = number(point)
    return value is not None and low <= value <= high


def right_to_left(points: Points) -> Points:
    found = [p for p in points if unicodedata.bidirectional(chr(p)) in ('R', 'AL')]
    return sorted((p for p in found if within(p, 1000, 1e99)), key=lambda p: (-(number(p) or 0), p))


def starting(points: Points, start: str) -> Points:
    return [p for p in points if name(p).startswith(start)]


def ending(points: Points, end: str) -> Points:
    return [p for p in points if name(p).endswith(end)]


def marks(points: Points) -> Points:
    return [p for p in points if unicodedata.combining(chr(p)) == 230]


BREAKFAST = {'croissant', 'pancakes', 'egg', 'bagel'}
DOG, CAT = ord('🐶'), ord('🐱')

# For each question, what its expressions come to, given the code points that are loaded.
ORACLE: list[Callable[[Points], list[Any]]] = [
    lambda points: [len(points)],
    lambda points: [[p for p in points if {'cat', 'face'} <= words(p)]],
    lambda points: [[p for p in points if BREAKFAST & words(p)]],
    lambda points: [
        len(starting(points, 'LATIN SMALL')),
        starting(points, 'LATIN SMALL')[:4],
    ],
    lambda points: [len(ending(points, ' ARROW')), ending(points, ' ARROW')[::-1][:6]],
    lambda points: [
        sorted((p for p in points if within(p, 1 / 3, 1 / 2)), key=lambda p: (number(p), p))[:10]
    ],
    lambda points: [[p for p in points[::-1] if unicodedata.category(chr(p)) == 'Sc'][:10]],
    lambda points: [len(right_to_left(points)), right_to_left(points)[:4]],
    lambda points: [len(marks(points)), marks(points)[:4]],
    lambda points: [ord('☃')],
    lambda points: [
        [p for p in starting(points, 'CLOCK FACE T') if 'OCLOCK' in name(p)],
    ],
    lambda points: [
        [
            {'char': chr(p), 'bidi': unicodedata.bidirectional(chr(p)), 'name': name(p)}
            for p in points
            if 0x1F600 <= p <= 0x1F6FF
        ][:4]
    ],
    lambda points: [rom.UniqueKeyViolation, None, [DOG, CAT], 0],
]


def plain(value: Any) -> Any:
    """An answer in the oracle's terms."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    if isinstance(value, Character):
        assert value.char == chr(value.point)
        assert value.name == name(value.point)
        return value.point
    return type(value) if isinstance(value, Exception) else value


# --- tests ---------------------------------------------------------------------------------------


@pytest.fixture
def connected(server: Server, monkeypatch: pytest.MonkeyPatch) -> Any:
    """The model's data is on the test's server."""
    with server.connect() as connection:
        monkeypatch.setattr(Character, '_conn', connection, raising=False)
        rom.session.rollback()
        yield connection
        rom.session.rollback()


def test_every_answer(connected: Any) -> None:
    found = check_answers(code_points(SLICE))
    # Few of them are about nothing, also where only a slice was loaded.
    assert sum([] in values for values in found) <= 1


@pytest.mark.slow
@pytest.mark.one_server
def test_every_answer_about_most_characters(connected: Any) -> None:
    """Of the 138,000, more than 100,000 are ideographs and syllables, named one like another."""
    found = check_answers(code_points(MOST))
    assert not any([] in values for values in found)


def check_answers(points: Points) -> list[list[Any]]:
    """Load these, and compare every answer; returns them all."""
    assert load_characters(points, 0, lambda count: None) == len(points)
    names = prepared_names()
    all_found = []
    for question, expected in zip(QUESTIONS, ORACLE, strict=True):
        answers = list(ask(question, names))
        assert [answer.line for answer in answers] == list(question.lines)
        found = [plain(answer.value) for answer in answers if answer.has_value]
        assert found == expected(points), question.title
        all_found.append(found)
    assert Character.query.count() == len(points)
    assert plain(Character.get_by(name='DOG FACE')) == DOG
    return all_found


def test_what_was_loaded_is_what_unicode_says(connected: Any) -> None:
    points = code_points(3000)
    load_characters(points, 0, lambda count: None)
    found = Character.query.order_by('point').all()
    assert [character.point for character in found] == points
    for character in found:
        char = chr(character.point)
        assert character.to_dict() == {
            'id': character.id,
            'char': char,
            'point': ord(char),
            'name': unicodedata.name(char),
            'words': unicodedata.name(char),
            'category': unicodedata.category(char),
            'bidi': unicodedata.bidirectional(char),
            'combining': unicodedata.combining(char),
            'value': unicodedata.numeric(char, None),
            'block': ord(char) // 256,
        }


@pytest.mark.one_server
def test_only_what_is_missing_is_loaded(connected: Any) -> None:
    points = code_points(3000)
    load_characters(points[:1200], 0, lambda count: None)
    Character.get_by(point=points[7]).delete()
    shown: list[int] = []
    assert load_characters(points, count_existing('here'), shown.append) == 1801
    assert sum(shown) == 3000
    assert Character.query.count() == connected.hlen('{rom-demo}:point:uidx') == 3000


@pytest.mark.one_server
def test_another_program_loads_at_the_same_time(connected: Any) -> None:
    points = code_points(3000)

    def other_program(count: int) -> None:
        with rom.Session(connected) as session:
            load_characters(points[:1300], count_existing('here'), lambda count: None)
            session.rollback()

    # Our first batch is in when the other one begins; it is past our second when we go on.
    load_characters(points, 0, other_program)
    assert Character.query.count() == connected.hlen('{rom-demo}:point:uidx') == 3000


@pytest.mark.one_server
def test_other_data_in_its_place_are_refused(connected: Any) -> None:
    class Other(rom.Model):
        _namespace = '{rom-demo2}'
        _conn = connected
        title = rom.Text()

    Other(title='mine').save()
    connected.rename('{rom-demo2}:1', '{rom-demo}:1')
    connected.rename('{rom-demo2}:id:', '{rom-demo}:id:')
    with pytest.raises(rom.ORMError, match=r"here has other data in keys.*'{rom-demo}'"):
        count_existing('here')


@pytest.mark.one_server
def test_only_the_error_that_was_expected_is_an_answer(connected: Any) -> None:
    wrong = QUESTIONS[0].__class__('?', ("chars.filter(nothing='x').all()",))
    with pytest.raises(rom.QueryError):
        list(ask(wrong, prepared_names()))


@pytest.mark.one_server
@pytest.mark.parametrize('width', [80, 120])
def test_a_terminal_shows_each_line_unbroken(connected: Any, width: int) -> None:
    load_characters(code_points(SLICE), 0, lambda count: None)
    output = io.StringIO()
    console = Console(file=output, force_terminal=True, color_system=None, width=width)
    screen = RichScreen(console)
    names = prepared_names()
    for question in QUESTIONS:
        screen.head(question.title)
        for answer in ask(question, names):
            screen.answer(answer, question.columns)
    lines = [line.rstrip() for line in output.getvalue().splitlines()]
    assert max(map(cell_len, lines)) <= width
    for question in QUESTIONS:
        assert question.title in lines
        for line in question.lines:
            assert f'    >>> {line}' in lines


def test_how_values_are_shown() -> None:
    assert line_of(1234567) == '1,234,567'
    assert line_of(ValueError('a\nb')) == 'ValueError: a·b'
    assert rows_of([{'a': 1 / 3, 'b': 2.0, 'c': None}], ()) == [('1/3', '2', 'None')]
    assert rows_of([], ()) == []
    assert rows_of(5, ()) is None
    assert Answer('x', True, [], 0.0).value == []
