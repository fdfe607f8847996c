"""docs/design/*.svg are what scripts/diagrams.py draws, and nothing in them runs over its edge."""

import importlib.util
import re
from types import ModuleType
from xml.etree import ElementTree

import pytest

from tests.support.pages import DOCS


def diagrams() -> ModuleType:
    spec = importlib.util.spec_from_file_location('diagrams', DOCS.parent / 'scripts/diagrams.py')
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


NAMES = sorted(diagrams().DRAWINGS)


def test_none_is_left_over() -> None:
    assert sorted(path.stem for path in (DOCS / 'design').glob('*.svg')) == NAMES


@pytest.mark.parametrize('name', NAMES)
def test_the_file_is_what_the_script_draws(name: str) -> None:
    drawn = diagrams().DRAWINGS[name]().svg(name)
    assert (DOCS / 'design' / f'{name}.svg').read_text('utf-8') == drawn


@pytest.mark.parametrize('name', NAMES)
def test_all_of_it_can_be_seen(name: str) -> None:
    [drawing] = ElementTree.fromstring(diagrams().DRAWINGS[name]().svg(name))
    _, _, width, height = map(float, drawing.attrib['viewBox'].split())
    for shape in drawing:
        at = {key: float(value) for key, value in shape.attrib.items() if key in SIDES}
        if shape.tag == 'rect':
            assert at['x'] + at['width'] <= width and at['y'] + at['height'] <= height
        elif shape.tag == 'text':
            assert at['y'] < height and at['x'] + len(shape.text or '') * 5.5 <= width, shape.text
        elif 'points' in shape.attrib:
            places = [
                tuple(map(float, point.split(','))) for point in shape.attrib['points'].split()
            ]
            assert all(0 <= x <= width and 0 <= y <= height for x, y in places)


SIDES = ('x', 'y', 'width', 'height')


def test_colours_are_those_of_the_page() -> None:
    """Colours from the style sheet fit light and dark pages."""
    for name in NAMES:
        assert not re.search(r'(fill|stroke|style)=', diagrams().DRAWINGS[name]().svg(name))
