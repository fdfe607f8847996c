"""The models of the campaign. Rows that one writer owns carry the id of the operation behind them.

`tests/faults/index_check.py` knows by heart which keys they imply: change both together.
"""

import os

import rom
from rom.repocket import ActiveRecord, attributes

#: What all namespaces begin with; on a cluster a tag, so that all keys are in one slot.
HEAD = os.environ.get('ROM_FAULTS_HEAD', 'faults')


class Shelf(rom.Model):
    """Numbers that are added to: by everybody (hot), or by one actor (cold).

    Attributes:
        n: 1 is added at a time, so that two writers write the same number.
        sold: the sum of the amounts of its sales, written with them.
        bulk: 1 is added to those of all shelves of a hall at once.
        trail: the ids of operations, each appended once.
    """

    _namespace = f'{HEAD}.shelf'
    name = rom.Text(unique=True, index=True, prefix=True, suffix=True, keygen=rom.FULL_TEXT)
    hall = rom.Text(index=True, keygen=rom.IDENTITY)
    n = rom.Integer(index=True, default=0)
    sold = rom.Integer(index=True, default=0)
    bulk = rom.Integer(index=True, default=0)
    trail = rom.Text(index=True, keygen=rom.FULL_TEXT, default='')


class Sale(rom.Model):
    """A row that must be there once; `mark` is written later, and begins with `op`."""

    _namespace = f'{HEAD}.sale'
    op = rom.Text(index=True, keygen=rom.IDENTITY)
    amount = rom.Integer(index=True)
    shelf = rom.ManyToOne('Shelf', on_delete='no action')
    mark = rom.Text(prefix=True, index=True, keygen=rom.IDENTITY)


class Basket(rom.Model):
    """A row that comes and goes together with `size` items."""

    _namespace = f'{HEAD}.basket'
    op = rom.Text(index=True, keygen=rom.IDENTITY)
    size = rom.Integer()


class Item(rom.Model):
    _namespace = f'{HEAD}.item'
    op = rom.Text(index=True, keygen=rom.IDENTITY)
    basket = rom.ManyToOne('Basket', on_delete='cascade')
    place = rom.Integer(index=True)
    unique_together = [('basket', 'place')]


class Door(rom.Model):
    """A state of one owner that goes to and fro, so that an old request finds what it expects."""

    _namespace = f'{HEAD}.door'
    op = rom.Text(unique=True)
    state = rom.Text(index=True, keygen=rom.IDENTITY)


class Badge(rom.Model):
    """Two of each owner, whose unique codes are swapped."""

    _namespace = f'{HEAD}.badge'
    op = rom.Text(index=True, keygen=rom.IDENTITY)
    code = rom.Text(unique=True, suffix=True, keygen=rom.IDENTITY)


class Word(rom.Model):
    """Counted by upsert."""

    _namespace = f'{HEAD}.word'
    text = rom.Text(unique=True)
    count = rom.Integer(index=True)


class Room(rom.Model):
    """Made by get_or_create."""

    _namespace = f'{HEAD}.room'
    key = rom.Text(unique=True, prefix=True, keygen=rom.IDENTITY)
    op = rom.Text()


class Purse(rom.Model):
    """Its balance moves by transfer."""

    _namespace = f'{HEAD}.purse'
    name = rom.Text(unique=True)
    balance = rom.Integer(index=True)


class Receipt(rom.Model):
    """A transfer, which it marks as done."""

    _namespace = f'{HEAD}.receipt'
    op = rom.Text(unique=True)
    amount = rom.Integer()
    source = rom.Integer()
    target = rom.Integer()
    done = rom.Boolean(index=True, default=False)


class Diary(ActiveRecord):
    """A record of rom.repocket: a state as a door's, and a stream that is appended to."""

    name = attributes.Unicode(unique=True)
    state = attributes.Unicode(index=True)
    size = attributes.Integer(index=True)
    pages = attributes.ByteStream()


MODELS = (Shelf, Sale, Basket, Item, Door, Badge, Word, Room, Purse, Receipt)
