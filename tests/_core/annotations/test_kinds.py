"""Kinds: the column of each type, and types without one."""

from typing import Any

import pytest

import rom
from tests.support.class_bodies import define

pytestmark = pytest.mark.one_server


@pytest.mark.parametrize('late', [True, False])
@pytest.mark.parametrize(
    ('type_', 'kind'),
    [
        ('str', rom.Text),
        ('int', rom.Integer),
        ('float', rom.Float),
        ('bool', rom.Boolean),
        ('bytes', rom.String),
        ('decimal.Decimal', rom.Decimal),
        ('datetime.datetime', rom.DateTime),
        ('datetime.date', rom.Date),
        ('datetime.time', rom.Time),
        ('datetime.timedelta', rom.Duration),
        ('uuid.UUID', rom.UUID),
        ('ipaddress.IPv4Address', rom.IPAddress),
        ('ipaddress.IPv6Address', rom.IPAddress),
        ('ipaddress.IPv4Address | ipaddress.IPv6Address', rom.IPAddress),
        ('list[str]', rom.List),
        ('set[int]', rom.Set),
        ('list[Annotated[State, 5]]', rom.List),
        ('dict', rom.Json),
        ('dict[str, int]', rom.Json),
        ('Mapping[str, int]', rom.Json),
        ('Shape', rom.Json),
        ('Home', rom.Typed),
        ('list[Home]', rom.Typed),
        ('Point', rom.Typed),
        ('State', rom.Enum),
        ('Literal["a", "b"]', rom.Text),
        ('Literal[1, 2]', rom.Integer),
        ('Years', rom.Integer),
        ('Annotated[int, "years"]', rom.Integer),
    ],
)
def test_a_type_has_a_kind(type_: str, kind: Any, late: bool) -> None:
    before = (
        'class State(enum.Enum):\n    ON = 1\n'
        'class Shape(TypedDict):\n    width: int\n'
        'Years = NewType("Years", int)\n'
        'class Home(pydantic.BaseModel):\n    street: str\n'
        '@dataclasses.dataclass\nclass Point:\n    x: int = 0\n'
    )
    Model = define(
        f'value: Mapped[{type_}]',
        f'perhaps: Mapped[{type_} | None]',
        f'optional: Mapped[Optional[{type_}]] = column(index=False)',
        f'quoted: Mapped["{type_.replace(chr(34), chr(39))} | None"]',
        f'whole: "Mapped[{type_.replace(chr(34), chr(39))}]"',
        late=late,
        before=before,
    )
    found = {name: (type(c), c.required) for name, c in Model._columns.items() if name != 'id'}
    assert found == {
        'value': (kind, True),
        'perhaps': (kind, False),
        'optional': (kind, False),
        'quoted': (kind, False),
        'whole': (kind, True),
    }


@pytest.mark.parametrize(
    ('type_', 'problem'),
    [
        ('complex', 'has no column of this type; declare the column itself'),
        ('Any', 'has no column of this type'),
        ('int | str', 'expected one type, or one type and None'),
        ('list', 'name the type of the elements'),
        ('list[str | None]', 'an element cannot be None'),
        ('list[list[str]]', 'an element cannot be a collection'),
        ('list[complex]', 'has no column of this type'),
        ('list[dict]', 'List column: .*Json'),
        ('tuple[int, ...]', 'has no column of this type'),
        ('Literal[1, "a"]', 'all str, or all int'),
        ('Literal[True]', 'all str, or all int'),
        ('Sub', 'has no column of this type'),
        ('Other', r'a model is a relation: use Ref\[...\] with rom.relation'),
    ],
)
def test_other_types_are_refused(type_: str, problem: str) -> None:
    """A subclass of str is another type: what is read back would be a plain str."""
    before = 'class Sub(str): ...\nclass Other(rom.TypedModel): ...\n'
    with pytest.raises(rom.ColumnError, match=rf'Defined\.value: Mapped\[.*{problem}'):
        define(f'value: Mapped[{type_}]', before=before)


def test_a_literal_has_choices_and_a_whole_index() -> None:
    Model = define(
        'plan: Mapped[Literal["free", "paid"]] = column(index=True, default="free")',
        'level: Mapped[Literal[1, 2, None]]',
    )
    assert Model._columns['plan'].rules.choices == ('free', 'paid')
    assert Model._columns['plan'].keygen is rom.IDENTITY
    assert (Model._columns['level'].rules.choices, Model._columns['level'].required) == (
        (1, 2),
        False,
    )
    with pytest.raises(rom.InvalidColumnValue, match=r"plan: expected one of 'free', 'paid'"):
        Model(plan='gold')
    with pytest.raises(rom.InvalidColumnValue, match='level: expected one of 1, 2'):
        Model(level=3)


def test_an_address_of_one_version_refuses_the_other(on_client: Any) -> None:
    Model = define(
        'four: Mapped[ipaddress.IPv4Address | None]', 'six: Mapped[ipaddress.IPv6Address | None]'
    )
    entity = Model(four='10.0.0.1', six='::1')
    for name, value, version in (('four', '::1', 4), ('six', '10.0.0.1', 6)):
        with pytest.raises(rom.InvalidColumnValue, match=f'{name}: .*expected an IPv{version}'):
            setattr(entity, name, value)


def test_elements_have_limits_of_their_own(on_client: Any) -> None:
    before = 'Tag = Annotated[str, at.MaxLen(3)]\n'
    Model = define(
        'tags: Mapped[Annotated[list[Tag], at.MaxLen(2)]] = column(index=True, default=list)',
        'ids: Mapped[set[Annotated[int, at.Ge(0)]] | None] = column(index=True)',
        before=before,
    )
    Model(tags=['a', 'b'], ids=[1, 2]).save()
    rom.session.rollback()
    assert Model.query.where(Model.tags.contains('a'), Model.ids.overlaps(2, 3)).count() == 1
    found = Model.get(1)
    assert (found.tags, found.ids) == (['a', 'b'], {1, 2})
    for given in ({'tags': ['abcd']}, {'tags': ['a', 'b', 'c']}, {'ids': [-1]}, {'ids': ['x']}):
        with pytest.raises(rom.InvalidColumnValue, match=f'Defined.{next(iter(given))}'):
            Model(**given)
    schema = Model.pydantic().model_json_schema()['properties']
    assert schema['tags']['items'] == {'type': 'string', 'maxLength': 3}
    assert schema['ids']['anyOf'][0]['items'] == {'type': 'integer', 'minimum': 0}


def test_an_enum_reads_as_its_member(on_client: Any) -> None:
    before = 'class State(enum.Enum):\n    ON = "on"\n    OFF = "off"\n'
    Model = define('state: Mapped[State] = column(default=State.ON, index=True)', before=before)
    Model().save()
    rom.session.rollback()
    assert Model.query.filter(state='on').first().state.name == 'ON'
