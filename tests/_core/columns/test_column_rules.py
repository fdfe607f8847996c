"""Choices and validators: on everything that is set, and on nothing that is read or searched."""

import io
import json
from typing import Any

import pydantic
import pytest
import redis

import rom
from rom import jsonl
from tests.support.stories import both

pytestmark = pytest.mark.one_server


def positive(value: int) -> None:
    if value <= 0:
        raise ValueError(f'expected more than 0, got {value}')


def long_winded(value: Any) -> None:
    raise ValueError('x' * 10_000)


def broken(value: Any) -> None:
    raise KeyError(value)


def named(value: dict[str, Any]) -> None:
    if 'name' not in value:
        raise ValueError('expected a name')


class RulesItem(rom.Model):
    _namespace = '{rules}item'
    name = rom.Text(unique=True, validators=[str.isalpha])
    plan = rom.Text(index=True, keygen=rom.IDENTITY, choices=['free', 'paid'], default='free')
    size = rom.Integer(index=True, choices=(1, 2, '3'))
    amount = rom.Integer(index=True, validators=[positive])
    data = rom.Json(validators=[named])
    wordy = rom.Text(validators=[long_winded])
    wrong = rom.Text(validators=[broken])


class RulesNote(rom.Model):
    _namespace = '{rules}note'
    done = rom.Boolean()


@pytest.mark.parametrize(
    ('name', 'value', 'says'),
    [
        ('plan', 'gold', r"plan: expected one of 'free', 'paid', got 'gold'"),
        ('size', 4, r'size: expected one of 1, 2, 3, got 4'),
        ('amount', -5, r'amount: -5: expected more than 0, got -5'),
        ('name', 'a1', r"name: 'a1': the validator 'isalpha' returned False"),
        ('data', {}, r'data: {}: expected a name'),
        ('wrong', 'x', r"wrong: 'x': the validator 'broken' failed: KeyError\('x'\)"),
    ],
)
def test_what_is_refused(on_client: Any, name: str, value: Any, says: str) -> None:
    """By the constructor, an assignment, an update, an upsert, a load and pydantic."""
    values, named = {name: value}, rf'RulesItem\.{says}'
    with pytest.raises(rom.InvalidColumnValue, match=named):
        RulesItem(**values)
    item = RulesItem()
    with pytest.raises(rom.InvalidColumnValue, match=named):
        setattr(item, name, value)
    with pytest.raises(rom.InvalidColumnValue, match=named):
        RulesItem.query.update(**values)
    if name != 'name':
        with pytest.raises(rom.InvalidColumnValue, match=named):
            RulesItem.upsert(values, name='ab')
    with pytest.raises(pydantic.ValidationError, match=says):
        RulesItem.pydantic(partial=True)(**values)
    with pytest.raises(pydantic.ValidationError, match=says):
        pydantic.TypeAdapter(RulesItem).validate_python(values)
    line = json.dumps({'model': 'RulesItem', 'id': 9, 'dialect': 2, 'columns': values})
    with pytest.raises(rom.BulkError, match=f'line 1: {named}'):
        list(jsonl.load(io.BytesIO(line.encode()), RulesItem))
    rom.session.rollback()
    assert RulesItem.query.count() == 0


def test_a_message_is_bounded(on_client: Any) -> None:
    with pytest.raises(rom.InvalidColumnValue) as caught:
        RulesItem(wordy='y' * 1000)
    assert len(str(caught.value)) < 400


def test_a_calculated_value_is_checked_for_each_row(on_client: Any) -> None:
    RulesItem(amount=5).save()
    RulesItem(amount=1).save()
    with pytest.raises(rom.InvalidColumnValue, match='expected more than 0, got -1'):
        RulesItem.query.update(amount=RulesItem.amount - 2)
    rom.session.rollback()
    assert [item.amount for item in RulesItem.query.order_by('id')] == [5, 1]


def test_a_change_in_place_is_checked_by_the_save(on_client: Any) -> None:
    item = RulesItem(data={'name': 'Ann'})
    item.save()
    del item.data['name']
    with pytest.raises(rom.InvalidColumnValue, match=r'expected a name\. Nothing was written'):
        item.save()
    item.data['name'] = 'Bob'
    item.save()


def test_a_change_in_place_before_the_first_save_is_checked(on_client: Any) -> None:
    item = RulesItem(data={'name': 'Ann'})
    del item.data['name']
    with pytest.raises(rom.InvalidColumnValue, match=r'expected a name\. Nothing was written'):
        item.save()
    assert RulesItem.query.count() == 0
    item.data['name'] = 'Bob'
    item.save()


@pytest.mark.parametrize('how', ['full', 'force'])
def test_a_change_in_place_is_checked_by_a_whole_save(on_client: Any, how: str) -> None:
    item = RulesItem(data={'name': 'Ann'})
    item.save()
    del item.data['name']
    with pytest.raises(rom.InvalidColumnValue, match=r'expected a name\. Nothing was written'):
        item.save(**{how: True})
    rom.session.rollback()
    assert RulesItem.get(1).data == {'name': 'Ann'}


def test_a_transfer_is_checked(on_client: Any) -> None:
    ann, bob, note = RulesItem(amount=5), RulesItem(amount=1), RulesNote()
    rom.session.commit()
    with pytest.raises(rom.TransferError, match='RulesItem 1: amount: 0: expected more than 0'):
        ann.transfer(bob, 'amount', 5, note, 'done')
    assert (ann.amount, bob.amount) == (5, 1)


@both(RulesItem)
async def test_what_is_stored_is_read_and_found(s: Any, raw: redis.Redis) -> None:
    """A rule that is younger than a row does not keep a program from the row."""
    item = RulesItem(name='Ann', plan='free', amount=1)
    await s.commit()
    s.rollback()
    assert item.id is not None
    raw.hset(f'{{rules}}item:{item.id}', 'size', 7)
    raw.zadd('{rules}item:size:idx', {str(item.id): 7})
    found = await s.get(RulesItem, item.id)
    assert found.size == 7
    assert await s.count(RulesItem.query.filter(size=7, plan='free')) == 1
    assert await s.count(RulesItem.query.filter(plan='gold')) == 0
    assert await s.count(RulesItem.query.filter(amount=(-5, None))) == 1
    found.amount = 2
    await s.commit()


def test_choices_are_in_the_schema_of_pydantic() -> None:
    properties = RulesItem.pydantic().model_json_schema()['properties']
    assert properties['plan']['anyOf'][0] == {'type': 'string', 'enum': ['free', 'paid']}
    assert properties['size']['anyOf'][0] == {'type': 'integer', 'enum': [1, 2, 3]}


@pytest.mark.parametrize(
    ('make', 'says'),
    [
        (lambda: rom.Text(choices=[]), 'expected at least one of choices'),
        (lambda: rom.Text(choices='ab'), "expected a list of choices, got 'ab'"),
        (lambda: rom.Integer(choices=['x']), r"choices: Integer: expected an int, got 'x' \(str\)"),
        (lambda: rom.Text(validators=['x']), "a validator that is callable, got 'x'"),  # type: ignore[list-item]
        (lambda: rom.Text(validators=str.isalpha), 'expected a list of validators'),  # type: ignore[arg-type]
        (lambda: rom.Text(max_length=1, choices=['ab']), 'max_length is 1'),
    ],
)
def test_rules_that_no_column_can_have(make: Any, says: str) -> None:
    with pytest.raises(rom.ColumnError, match=says):
        make()


def test_a_default_that_is_no_choice(on_client: Any) -> None:
    class Item(rom.Model):
        plan = rom.Text(choices=['free'], default='gold')

    with pytest.raises(rom.InvalidColumnValue, match="expected one of 'free', got 'gold'"):
        Item()
