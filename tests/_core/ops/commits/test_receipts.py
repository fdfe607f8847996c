"""Receipts: which requests leave one, and what a server is asked for it."""

from __future__ import annotations

import pytest

from rom._core.ops.commits.attempts import LIFE
from rom._core.ops.commits.receipts import Receipt, last_of_each_slot, noting
from rom._core.ops.requests import Command, Operation, Pipeline, Script
from rom._core.support.clock import elapsed


def test_notes_are_those_of_commits_that_were_carried_out() -> None:
    def operation() -> Operation[str]:
        yield Script('load', b'load', b'')
        yield Script('commit', b'refused', b'')
        yield Pipeline((Command('GET', b'x'), Script('commit', b'first', b'')))
        try:
            yield Script('commit', b'failed', b'')
        except ValueError:
            yield Script('settle', b'settled', b'')
        return 'done'

    notes: list[Receipt] = []
    run = noting(operation(), notes)
    next(run)
    run.send([b'ok', b''])
    run.send([b'unique', b''])
    run.send([b'ok', [b'ok', b'']])
    run.throw(ValueError())
    with pytest.raises(StopIteration, match='done'):
        run.send([b'ok', b''])
    assert [receipt.key for receipt in notes] == [b'first', b'settled']


def test_the_last_receipt_of_each_slot_counts() -> None:
    first, second, third = Receipt(b'{a}:x'), Receipt(b'{b}:y'), Receipt(b'{a}:z')
    assert last_of_each_slot([first, second, third]) == [third, second]
    assert last_of_each_slot([Receipt(b'x'), Receipt(b'y')]) == [Receipt(b'y')], 'without a tag'


def test_a_note_that_may_have_expired_is_not_missed() -> None:
    fresh, old = Receipt(b'n', at=elapsed()), Receipt(b'n', at=elapsed() - LIFE)
    assert fresh.write == Command('EXPIRE', b'n', LIFE) and not fresh.is_in(0) and fresh.is_in(1)
    assert old.write.args[:2] == ('SET', b'n') and old.is_in(0)


def test_a_claim_is_in_an_entry_of_its_partition() -> None:
    claim = Receipt(b'{shop:003.1}User:email:dir', b'a@b', b'12:token:')
    assert claim.write.args[:2] == ('SET', b'{shop:003.1}:durable:token')
    assert claim.look == Command('HGET', claim.key, b'a@b')
    assert claim.is_in(b'12:token:5') and claim.is_in(b'12:later:6')
    assert not claim.is_in(b'1:token:5') and not claim.is_in(None)
