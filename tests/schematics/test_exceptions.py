import pytest

import rom
from rom.schematics import exceptions


@pytest.mark.parametrize('name', ['NotFound', 'MultipleFound'])
def test_they_are_key_errors_with_a_plain_message(name: str) -> None:
    kind = getattr(exceptions, name)
    assert issubclass(kind, KeyError)
    assert str(kind('no such thing')) == 'no such thing'


@pytest.mark.parametrize('name', ['NotFound', 'MultipleFound', 'StrictPerformanceException'])
def test_they_have_one_root(name: str) -> None:
    kind = getattr(exceptions, name)
    assert issubclass(kind, exceptions.RedisMixinException)
    assert issubclass(kind, rom.ORMError)
