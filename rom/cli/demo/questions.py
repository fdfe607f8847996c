"""The questions of the demo: a table, and the evaluation of one.

The lines that are shown are also the lines that are evaluated.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import rom

PREPARATION = 'from rom.cli.demo.characters import Character', 'chars = Character.query'


@dataclass(frozen=True, slots=True)
class Question:
    """A question of the demo.

    Attributes:
        title: the question in English.
        lines: the question in Python; each line has its own answer.
        columns: the columns to show besides the character, its code point and its name.
        refusal: the error that a line must raise; any other error ends the demo.
    """

    title: str
    lines: tuple[str, ...]
    columns: tuple[str, ...] = ()
    refusal: type[rom.ORMError] | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """The result of a line.

    Attributes:
        line: the line that was evaluated.
        has_value: it was an expression, not a statement.
        value: the value of the expression, or the expected error.
        seconds: the time until the last result.
    """

    line: str
    has_value: bool
    value: Any
    seconds: float


QUESTIONS = (
    Question(
        'How many characters have a name?',
        ('chars.count()',),
    ),
    Question(
        'What can a cat look like? (both words, anywhere in the name)',
        ("chars.filter(words='cat face').order_by('point').all()",),
    ),
    Question(
        'What is there for breakfast? (any of these words)',
        ("chars.filter(words=['croissant', 'pancakes', 'egg', 'bagel']).all()",),
    ),
    Question(
        'How many names start with LATIN SMALL, and which characters come first?',
        (
            "chars.startswith(name='LATIN SMALL').count()",
            "chars.startswith(name='LATIN SMALL').order_by('point').limit(0, 4).all()",
        ),
        columns=('category',),
    ),
    Question(
        'And which names end in ARROW?',
        (
            "chars.endswith(name=' ARROW').count()",
            "chars.endswith(name=' ARROW').order_by('-point').limit(0, 6).all()",
        ),
    ),
    Question(
        'Which are worth between 1/3 and 1/2, the smallest first?',
        ("chars.filter(value=(1/3, 1/2)).order_by('value').limit(0, 10).all()",),
        columns=('value',),
    ),
    Question(
        'Which currency signs have the ten highest code points?',
        ("chars.filter(category='Sc').order_by('-point').limit(0, 10).all()",),
        columns=('block',),
    ),
    Question(
        'Numbers of a thousand and more, in scripts that run from right to left?',
        (
            "rtl = chars.filter(bidi=['R', 'AL'], value=(1000, None))",
            'rtl.count()',
            "rtl.order_by('-value').limit(0, 4).all()",
        ),
        columns=('bidi', 'value'),
    ),
    Question(
        'Which marks go on top of another character?',
        (
            'chars.filter(combining=230).count()',
            "chars.filter(combining=230).order_by('point').limit(0, 4).all()",
        ),
        columns=('combining',),
    ),
    Question(
        'Which snowman is called just that? (a unique name)',
        ("Character.get_by(name='SNOWMAN')",),
        columns=('category', 'block'),
    ),
    Question(
        'Which hours begin with a T? (* is any text)',
        ("chars.like(name='CLOCK FACE T* OCLOCK').order_by('point').all()",),
    ),
    Question(
        'What comes from U+1F600 on, in the same 256? (plain dicts, three columns)',
        (
            'near = chars.filter(block=0x1F6, point=(0x1F600, None))',
            "near.order_by('point').limit(0, 4).select('char', 'bidi', 'name').all()",
        ),
    ),
    Question(
        'May the dog take the name of the cat? (refused: nothing of it is written)',
        (
            "dog = Character.get_by(name='DOG FACE')",
            "dog.update(name='CAT FACE', value=-7).save()",
            'rom.session.rollback()',
            "Character.get_by(name=['DOG FACE', 'CAT FACE'])",
            'chars.filter(value=-7).count()',
        ),
        columns=('value',),
        refusal=rom.UniqueKeyViolation,
    ),
)


def prepared_names() -> dict[str, Any]:
    """Return the names that the lines use."""
    names: dict[str, Any] = {'rom': rom}
    for line in PREPARATION:
        exec(line, names)
    return names


def ask(question: Question, names: dict[str, Any]) -> Iterator[Answer]:
    """Evaluate a question's lines in turn.

    Args:
        names: the names that the lines can use; they may add to them.
    """
    for line in question.lines:
        yield _evaluate(line, names, question.refusal)


def _evaluate(line: str, names: dict[str, Any], refusal: type[rom.ORMError] | None) -> Answer:
    try:
        code, has_value = compile(line, '<demo>', 'eval'), True
    except SyntaxError:
        code, has_value = compile(line, '<demo>', 'exec'), False
    start = time.perf_counter()
    try:
        value = eval(code, names)
    except rom.ORMError as error:
        if refusal is None or not isinstance(error, refusal):
            raise
        value, has_value = error, True
    return Answer(line, has_value, value, time.perf_counter() - start)
