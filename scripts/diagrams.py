"""Draws the diagrams of docs/design: `scripts/diagrams.py` writes them anew.

They are SVG that stands inside the page (``.. raw:: html``), so that text is text, and colours are
those of the page, in light and in dark: docs/_static/rom.css has them, by the classes named here.
Numbers are pixels; a diagram is as wide as the text of a page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from pathlib import Path
from xml.sax.saxutils import escape

FOLDER = Path(__file__).resolve().parent.parent / 'docs' / 'design'

LINE = 17
WIDTH = 720


class Drawing:
    """Shapes, in the order in which they were drawn."""

    def __init__(self, title: str, description: str, height: int) -> None:
        self._title = title
        self._description = description
        self._height = height
        self._shapes: list[str] = []

    def text(self, x: float, y: float, words: str, kind: str = '') -> None:
        """One line of text; `y` is its base line. Kinds: code, head, note, middle, end."""
        classes = f' class="{kind}"' if kind else ''
        self._shapes.append(f'<text x="{x:g}" y="{y:g}"{classes}>{escape(words)}</text>')

    def box(
        self, x: float, y: float, width: float, lines: Iterable[str], kind: str = ''
    ) -> tuple[float, float]:
        """A box around lines of text; returns its height, and the middle of its side.

        A line that begins with a '`' is code, one that begins with a '#' the box's title, one with
        a '-' a note. Kinds of boxes: key, good, bad, ask.
        """
        lines = list(lines)
        height = LINE * len(lines) + 14
        classes = f'box {kind}'.strip()
        self._shapes.append(
            f'<rect class="{classes}" x="{x:g}" y="{y:g}" width="{width:g}" height="{height}"'
            ' rx="5"/>'
        )
        for number, line in enumerate(lines):
            named = _LINE_KINDS.get(line[:1])
            self.text(x + 10, y + 21 + number * LINE, line[1:] if named else line, named or '')
        return height, y + height / 2

    def arrow(self, *points: tuple[float, float], words: str = '', kind: str = '') -> None:
        """A line through some points, with a head at its end, and words beside its beginning."""
        path = ' '.join(f'{x:g},{y:g}' for x, y in points)
        classes = f'arrow {kind}'.strip()
        self._shapes.append(f'<polyline class="{classes}" points="{path}"/>')
        self._shapes.append(_head(points[-2], points[-1]))
        if words:
            (x, y), (next_x, next_y) = points[:2]
            if x == next_x:
                self.text(x + 6, y + (16 if next_y > y else -8), words, 'note')
            else:
                self.text(min(x, next_x) + 6, y - 5, words, 'note')

    def svg(self, name: str) -> str:
        shapes = '\n'.join(self._shapes)
        return (
            f'<div class="diagram">\n<svg viewBox="0 0 {WIDTH} {self._height}" role="img"'
            f' aria-labelledby="{name}-title {name}-text">\n'
            f'<title id="{name}-title">{escape(self._title)}</title>\n'
            f'<desc id="{name}-text">{escape(self._description)}</desc>\n'
            f'{shapes}\n</svg>\n</div>\n'
        )


_LINE_KINDS = {'`': 'code', '#': 'head', '-': 'note'}


def _head(before: tuple[float, float], end: tuple[float, float]) -> str:
    """The head of an arrow that goes along an axis."""
    x, y = end
    across = [(x - 4, y), (x + 4, y)] if before[0] == x else [(x, y - 4), (x, y + 4)]
    step_x = 0 if before[0] == x else (8 if before[0] < x else -8)
    step_y = 0 if before[1] == y else (8 if before[1] < y else -8)
    back = [(one - step_x, other - step_y) for one, other in across]
    points = ' '.join(f'{one:g},{other:g}' for one, other in [back[0], end, back[1]])
    return f'<polygon class="head" points="{points}"/>'


def storage() -> Drawing:
    drawing = Drawing(
        'One entity, and the keys that hold it',
        'The row of User 7 is a hash. Its email is in the hash of unique values, each word of its '
        'name in a set and in the sorted set of prefixes, its age in a sorted set. The counter and '
        'the bitmap of living ids belong to the model.',
        404,
    )
    drawing.text(10, 20, 'the row', 'note')
    drawing.text(330, 20, 'what follows from its values', 'note')
    drawing.box(
        10,
        30,
        230,
        ['`User:7', '-hash', '`email   ann@example.org', '`name    Ann Lee', '`age     42'],
        'key',
    )
    entries: list[tuple[float, list[str], float]] = [
        (30, ['`User:email:uidx', '-hash: unique value to id', '`ann@example.org  →  7'], 87),
        (106, ['`User:name:ann:idx    User:name:lee:idx', '-sets: the ids that have the word',
               '`{…, 7, …}            {7, …}'], 104),
        (182, ['`User:name:pre', '-sorted set: word, NUL, id; by the first seven bytes',
               '`ann·7   …   lee·7'], 104),
        (258, ['`User:age:idx', '-sorted set: id by number', '`7  →  42'], 121),
    ]  # fmt: skip
    for number, (top, lines, source) in enumerate(entries):
        _, middle = drawing.box(330, top, 380, lines, 'key')
        bend = 310 - number * 14
        start = (240, source)
        drawing.arrow(start, (bend, source), (bend, middle), (330, middle))
    drawing.text(10, 332, 'of the model as a whole', 'note')
    drawing.box(10, 342, 230, ['`User:id:', '-string: the last id that was taken'], 'key')
    drawing.box(330, 342, 380, ['`User:id:live', '-string: a bitmap, one bit for each id'], 'key')
    return drawing


def commit() -> Drawing:
    drawing = Drawing(
        'A commit, from what changed to the note that it was done',
        'The session collects what changed, a pure function makes writes of that, and one script '
        'looks at everything before it writes anything. A repeated call finds a note, and answers '
        'the same again.',
        400,
    )
    drawing.text(10, 20, 'in the program', 'note')
    drawing.text(330, 20, 'on the server: lua/commit.lua, one call', 'note')
    drawing.box(10, 30, 250, ['#The session', 'knows entities, and which changed'])
    drawing.arrow((135, 78), (135, 106))
    drawing.box(
        10,
        106,
        250,
        ['#Changes to writes', 'old values and new ones give rows,', 'entries to add and to remove',
         '-pure: rom/_core/writes/planner.py'],
    )  # fmt: skip
    drawing.arrow((260, 147), (295, 147), (295, 54), (330, 54))
    drawing.box(330, 30, 380, ['#Is there a note of this very commit?'], 'ask')
    drawing.arrow((520, 61), (520, 92), words='no')
    drawing.box(
        330,
        92,
        380,
        ['#Look at everything', 'rows have the values that they were loaded with;',
         'unique values are free, or given up here;', 'keys have the right type'],
        'ask',
    )  # fmt: skip
    drawing.arrow((520, 174), (520, 208), words='no objection')
    drawing.box(
        330, 208, 380, ['#Write everything', 'one command a key; ids are taken here'], 'good'
    )
    drawing.arrow((520, 256), (520, 284))
    drawing.box(
        330,
        284,
        380,
        ['#Leave a note', '`N:P:done:TOKEN', 'for three minutes, with the id'],
        'good',
    )
    drawing.arrow((330, 316), (260, 316))
    drawing.box(10, 292, 250, ['#Saved', 'the answer: the id that was taken'], 'good')
    drawing.arrow((710, 45), (716, 45), (716, 385), (135, 385), (135, 340), kind='again')
    drawing.text(330, 378, 'yes: a repeated call, which gets the same answer again', 'note')
    drawing.arrow((330, 143), (310, 143), (310, 240), (260, 240), kind='bad')
    objection = [
        '#An objection: nothing is written',
        'an error that names it; or, where only',
        'a delete met a new row, once more',
    ]
    drawing.box(10, 200, 250, objection, 'bad')
    return drawing


def planner() -> Drawing:
    drawing = Drawing(
        'How a search is planned',
        'Every filter is sized first. An empty one ends the search, and a plain count is a size. '
        'With an order the index of the order is walked, or all matches are sorted. Without one '
        'the smallest filter drives, or the ids are walked.',
        520,
    )
    drawing.box(
        210, 10, 300, ['#Size every filter', 'SCARD, ZCOUNT, ZLEXCOUNT: O(log N) each'], 'ask'
    )
    drawing.arrow((510, 34), (560, 34))
    drawing.text(560, 76, 'one of them is empty', 'note')
    drawing.box(560, 10, 150, ['#No results', '-empty'], 'good')
    drawing.arrow((210, 34), (160, 34))
    drawing.box(10, 10, 150, ['#Its size', '-known'], 'good')
    drawing.text(10, 76, 'a count with one plain filter', 'note')
    drawing.arrow((360, 58), (360, 96))
    drawing.box(260, 96, 200, ['#Is an order asked for?'], 'ask')
    drawing.arrow((260, 111), (170, 111), (170, 160), words='no')
    drawing.arrow((460, 111), (550, 111), (550, 160), words='yes')
    drawing.box(
        370, 160, 340,
        ['#Walk the index of the order?', 'it takes about  wanted ÷ share  candidates;',
         'three quarters of that below the smallest filter?'], 'ask',
    )  # fmt: skip
    drawing.arrow((450, 225), (450, 270), words='yes')
    drawing.box(370, 270, 160, ['#Walk the order', 'probe the filters', '-order'], 'good')
    drawing.arrow((630, 225), (630, 390), words='no')
    drawing.arrow((450, 335), (450, 415), (550, 415))
    drawing.text(456, 352, 'patience is at an end', 'note')
    drawing.text(456, 369, '(twice the smallest filter)', 'note')
    drawing.box(550, 390, 160, ['#Gather and sort', 'only the first ones', '-sort'], 'good')
    drawing.box(
        10, 160, 320,
        ['#The smallest filter drives', 'the others are probed by id: SMISMEMBER,',
         'ZMSCORE. Which kind is it?'], 'ask',
    )  # fmt: skip
    drawing.arrow((70, 225), (70, 270), words='a range')
    drawing.box(10, 270, 130, ['#Walk it', 'in its own order', '-index'], 'good')
    drawing.arrow((240, 225), (240, 270), words='a set')
    drawing.box(
        160, 270, 180, ['#Few wanted of many?', 'half of it above', 'wanted ÷ share'], 'ask'
    )
    drawing.arrow((200, 335), (200, 390), words='yes')
    drawing.box(100, 390, 120, ['#Walk all ids', 'until enough', '-ids'], 'good')
    drawing.arrow((290, 335), (290, 390), words='no')
    drawing.box(235, 390, 150, ['#Intersect sets', 'SINTER, then by id', '-gather'], 'good')
    legend = 'Blue: what is asked. Green: what is done. Grey: the name that explain() gives it.'
    drawing.text(10, 490, legend, 'note')
    drawing.text(10, 508, 'share: the product of what each filter has of all entities.', 'note')
    return drawing


DRAWINGS: dict[str, Callable[[], Drawing]] = {
    'storage': storage,
    'commit': commit,
    'planner': planner,
}


def main() -> None:
    for name, draw in DRAWINGS.items():
        (FOLDER / f'{name}.svg').write_text(draw().svg(name), 'utf-8')


if __name__ == '__main__':
    main()
