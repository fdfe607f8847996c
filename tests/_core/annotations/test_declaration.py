"""Declaration: what a class body may say, in which order, and what is refused."""

import re
from typing import Any

import pytest

import rom
from tests.support.class_bodies import define

pytestmark = pytest.mark.one_server


@pytest.mark.parametrize(
    ('line', 'problem'),
    [
        ('age: int | None', r'expected the annotation Mapped\[int \| None\], got int \| None; or'),
        ('age: int = 5', r'expected the annotation Mapped\[int\], got int; or ClassVar\[int\]'),
        ('age: int = column(default=5)', r'expected the annotation Mapped\[int\], got int$'),
        ('age: int = rom.Integer()', r'expected the annotation Mapped\[int\], got int$'),
        ('age: T = relation(on_delete="cascade")', r'expected the annotation Ref\[T\], got T$'),
        ('age: NotThere[int]', r'expected the annotation Mapped\[NotThere\[int\]\]'),
        ('age: Mapped', r'expected a type, as in Mapped\[...\]'),
        ('age: Ref', r'expected a type, as in Ref\[...\]'),
        ('age: Mapped[int] = 5', r'Mapped\[int\] = 5: use rom.column\(default=...\)'),
        ('age: Mapped[int] = column(default=None)', 'default=None needs an annotation with None'),
        ('age: Mapped[NotThere]', "name 'NotThere' is not defined. Import it where the program"),
        ('age: Mapped[enum.NotThere | None]', 'no attribute .NotThere.. Import it where the'),
        ('age: Mapped[5 + "x"]', 'is not a type'),
        ('age: Mapped[int] = column(tz=True)', r'kind Integer, which has no option .*tz'),
        ('age: Mapped[str] = column(index=True)', r'Mapped\[str\]: Text column: an index of strin'),
        ('age = column()', r'rom.column\(\) needs an annotation, as in age: Mapped\[str\]'),
        ('age = relation(on_delete="cascade")', r'needs an annotation, as in age: Ref\[Team\]'),
        ('age = related()', r'rom.related\(\) needs an annotation'),
        ('age: Mapped[T] = relation(on_delete="cascade")', r'a relation needs the annotation Ref'),
        ('age: Ref[T]', r'Ref\[T\] needs = rom.relation\(on_delete=...\)'),
        ('age: Ref[T] = column()', r'Ref\[T\] needs = rom.relation'),
        ('age: Ref[int] = relation(on_delete="cascade")', 'expected a model, got int'),
        ('age: Ref[T] = relation(on_delete="x")', "on_delete is 'x'; expected one of"),
        ('age: Ref[T] = relation(on_delete="set null")', 'cannot have on_delete=.set null'),
        (
            'age: Ref[T] = relation(on_delete="cascade", default=None)',
            'needs an annotation wi',
        ),
        ('age: Ref[T] = rom.ManyToOne("Other", "cascade")', 'is a relation to T; use rom.relation'),
        ('age: Ref[T] = rom.Integer()', 'is a relation to T; use rom.relation'),
        (
            'age: Mapped[T] = rom.ManyToOne("T", "cascade")',
            r'relation needs the annotation Ref\[',
        ),
        ('age: Mapped[T] = related()', 'expected a list of a model, got T'),
        ('age: Mapped[list[T | None]] = related()', 'expected a list of T, without None'),
        ('age: Mapped[list[T]] = rom.OneToMany("T")', 'OneToMany needs no annotation'),
        ('age: Mapped[int] = rom.UnsafeColumn()', 'UnsafeColumn needs no annotation'),
        ('age: Mapped[str] = rom.IndexOnly("x", rom.IDENTITY)', 'IndexOnly holds no value; drop'),
        ('query: Mapped[str]', 'every model has an attribute of that name'),
    ],
)
def test_what_is_refused(line: str, problem: str) -> None:
    """The message names the class and the attribute; nothing is registered."""
    name = re.split('[: ]', line)[0]
    with pytest.raises(rom.ColumnError, match=rf'^Defined\.{name}: .*{problem}'):
        define(line)
    assert 'Defined' not in rom.MODELS


def test_required_is_said_by_the_annotation() -> None:
    with pytest.raises(rom.ColumnError, match='annotation says whether a column is required'):
        rom.column(required=True)  # type: ignore[call-overload]


@pytest.mark.parametrize(
    ('line', 'kind'),
    [
        ('x: Mapped[str] = rom.Text()', rom.Text),
        ('x: Mapped[str] = rom.Text(default="a")', rom.Text),
        ('x: Mapped[datetime.datetime] = rom.ExpireAt()', rom.ExpireAt),
        ('x: Mapped[datetime.datetime] = rom.SaferDateTime()', rom.SaferDateTime),
        ('x: Mapped[list[str]] = rom.Json(default=list)', rom.Json),
        ('x: Mapped[list[str]] = rom.List(rom.Text())', rom.List),
        ('x: Mapped[set[On]] = rom.Set(rom.Enum(On))', rom.Set),
        ('x: Mapped[dict[str, int]] = rom.Json()', rom.Json),
        ('x: Mapped[Any] = rom.Text()', rom.Text),
        ('x: Mapped[On] = rom.Enum(On)', rom.Enum),
        ('x: Mapped[complex] = Own()', rom.Column),
        ('x: Mapped[Customer] = rom.ForeignModel(Customer)', rom.ForeignModel),
        ('x: Ref[T] = rom.OneToOne("T", "cascade", unique=True)', rom.OneToOne),
    ],
)
def test_a_column_of_the_other_style_fits(line: str, kind: Any) -> None:
    """The annotation decides whether it is required."""
    before = (
        'class On(enum.Enum):\n    YES = 1\nclass Own(rom.Column[complex]): ...\n'
        'class Customer:\n    get = classmethod(lambda cls, id: None)\n'
    )
    column = define(line, before=before)._columns['x']
    assert isinstance(column, kind) and column.required
    rom.MODELS.pop('Defined')
    nullable = line.replace('] =', ' | None] =')
    assert not define(nullable, before=before)._columns['x'].required


@pytest.mark.parametrize(
    ('line', 'problem'),
    [
        ('x: Mapped[int] = rom.Text()', r'Text is not a column of Mapped\[int\]'),
        ('x: Mapped[str] = rom.Json()', 'Json is not a column of'),
        ('x: Mapped[list[str]] = rom.Set(rom.Text())', 'Set is not a column of'),
        ('x: Mapped[list[str]] = rom.List(rom.Integer())', 'Integer is not a column of'),
        ('x: Mapped[str] = rom.List(rom.Text())', 'List is not a column of'),
        ('x: Mapped[complex] = rom.Text()', 'Text is not a column of'),
        ('x: Mapped[datetime.date] = rom.DateTime()', 'DateTime is not a column of'),
        ('x: Mapped[On] = rom.Enum(Off)', 'Enum is not a column of'),
        ('x: Mapped[int | None] = rom.Integer(required=True)', 'has None, but the column is requi'),
        ('x: Ref[T | None] = rom.ManyToOne("T", "cascade", True)', 'has None, but the column is'),
        ('x: Ref[T] = rom.ManyToOne("T", "set null")', 'cannot have on_delete=.set null'),
    ],
)
def test_two_kinds_for_one_type_are_refused(line: str, problem: str) -> None:
    before = 'class On(enum.Enum):\n    YES = 1\nclass Off(enum.Enum):\n    NO = 1\n'
    with pytest.raises(rom.ColumnError, match=rf'^Defined\.x: .*{problem}'):
        define(line, before=before)


def test_what_is_no_column() -> None:
    Model = define(
        'limit: ClassVar[int] = 5',
        'bare: ClassVar = 6',
        '_cache: dict[str, NotThere] = {}',
        '_namespace: str = "declared"',
        'unique_together: list[tuple[str, str]] = [("a", "b")]',
        'a: Mapped[int]',
        'b: Mapped[int]',
    )
    assert list(Model._columns) == ['a', 'b', 'id']
    assert (Model.limit, Model.bare, Model._cache, Model._namespace) == (5, 6, {}, 'declared')
    assert len(Model._schema.uniques) == 1


@pytest.mark.parametrize('late', [True, False])
def test_columns_are_in_the_order_of_the_body(late: bool) -> None:
    Model = define(
        'a: Mapped[str]',
        'b = rom.Integer()',
        'c: Mapped[int] = column(index=True)',
        'd: Mapped[float]',
        'e: Mapped[str] = rom.Text()',
        'f = rom.Text()',
        late=late,
    )
    assert list(Model._columns) == ['a', 'b', 'c', 'd', 'e', 'f', 'id']
    assert [column.name for column in Model._columns.values()] == [*Model._columns]


def test_a_column_may_have_the_name_of_its_type() -> None:
    Model = define('date: Mapped[date | None] = column(default=None)', 'other: Mapped[date]')
    assert [type(Model._columns[name]) for name in ('date', 'other')] == [rom.Date, rom.Date]
    with pytest.raises(rom.ColumnError, match=r'Defined\.date: .*, as in datetime.date'):
        define('date: Mapped[date] = column()', late=False)  # Python assigns it first


def test_names_of_a_function_are_found() -> None:
    import enum

    class Local(enum.Enum):
        ON = 1

    class DeclaredInside(rom.TypedModel):
        state: rom.Mapped['Local']

    assert DeclaredInside.state.of is Local  # type: ignore[attr-defined]


def test_a_model_of_the_other_style_reads_no_annotations() -> None:
    problem = r'Defined\.a: annotations declare the columns of a rom.TypedModel only'
    for late in (True, False):
        for line in ('a: Mapped[int]', 'a: rom.Mapped[int] = column()', 'a: Ref["T"]'):
            with pytest.raises(rom.ColumnError, match=problem):
                define(line, late=late, base='rom.Model')
    with pytest.raises(rom.ColumnError, match=r'Defined\.a: rom.column\(\) is for classes whose'):
        define('a = column()', base='rom.Model')
    with pytest.raises(rom.ColumnError, match=r'Plain\.a: rom.column\(\) .* from rom.Mixin if'):
        define(
            'b: Mapped[int]', before='class Plain:\n    a = column()', base='Plain, rom.TypedModel'
        )
    define('a: int', 'b: "int | None" = None', base='rom.Model')  # as ever
