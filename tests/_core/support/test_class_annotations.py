"""Annotations of a class body, and the names around it."""

from typing import Any

import pytest

from rom._core.support.class_annotations import names_around, own_annotations
from tests.support.class_bodies import define

pytestmark = pytest.mark.one_server


class Base:
    a: int


class Derived(Base):
    b: 'Unknown'  # type: ignore[name-defined]  # noqa: F821


def test_only_those_of_the_body() -> None:
    assert own_annotations(Base) == {'a': int}
    assert list(own_annotations(Derived)) == ['b']
    assert own_annotations(type('Bare', (Base,), {})) == {}


def test_the_names_of_the_defining_frame() -> None:
    def around(marker: int) -> Any:
        class Here:
            names: Any = None

        return names_around(Here)

    names, local = around(5)
    assert names is globals() and local['marker'] == 5


def test_code_without_a_name() -> None:
    found: dict[str, Any] = {'names_around': names_around, 'marker': 5}
    exec('class Here: ...\nnames, _ = names_around(Here)', found)
    assert found['names']['marker'] == 5


def test_a_class_of_a_module_that_is_gone() -> None:
    Gone = define('x: ClassVar[int] = 1')  # its module is no longer in sys.modules
    assert isinstance(names_around(Gone)[0], dict)
