"""The catalogue: products with ten indexes of every kind, the same in every process.

Product number *n* depends on *n* alone. A name has two to four words of 800, a description twelve
of 4,000 that are as uneven as words of a language are.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Iterator
from typing import Any

import rom

BLOCK = 1000  # products that come from one state of the random numbers
NAMES = tuple(f'{first}{second}' for first in ('ar', 'be', 'co', 'du', 'el', 'fi', 'gu', 'ho')
              for second in (f'{number:02}x' for number in range(100)))  # fmt: skip
WORDS = tuple(f'word{number:04}' for number in range(4000))
BRANDS = tuple(f'Brand {number:03}' for number in range(500))
CATEGORIES = tuple(f'category-{number:02}' for number in range(60))
START = datetime.datetime(2020, 1, 1)


def _position(product: Any) -> dict[str, float]:
    return {'lon': product.longitude, 'lat': product.latitude}


def product_model(namespace: str = 'Product', **more: Any) -> Any:
    """Make the model of a product: ten indexes of eight columns, a unique value and a place.

    Args:
        namespace: of its keys.
        **more: further columns, or other declarations of those below.
    """
    body = {
        '__module__': __name__,
        '_namespace': namespace,
        'sku': rom.Text(required=True, unique=True),
        'name': rom.Text(index=True, prefix=True, suffix=True, keygen=rom.FULL_TEXT),
        'description': rom.Text(index=True, keygen=rom.FULL_TEXT),
        'brand': rom.Text(index=True, prefix=True, keygen=rom.IDENTITY),
        'category': rom.Text(index=True, keygen=rom.IDENTITY),
        'price': rom.Float(index=True),
        'stock': rom.Integer(),
        'made': rom.DateTime(index=True),
        'longitude': rom.Float(),
        'latitude': rom.Float(),
        'geo_index': [rom.GeoIndex('depot', _position)],
        **more,
    }
    return type('Product', (rom.Model,), body)


def products(count: int) -> Iterator[dict[str, Any]]:
    """The columns of the first so many products."""
    for first in range(0, count, BLOCK):
        chance = random.Random(first)
        for number in range(first, min(first + BLOCK, count)):
            yield _product(chance, number)


def _product(chance: random.Random, number: int) -> dict[str, Any]:
    words = (WORDS[int(4000 * chance.random() ** 3)] for _ in range(12))
    return {
        'sku': f'SKU-{number:08}',
        'name': ' '.join(chance.choices(NAMES, k=chance.randint(2, 4))),
        'description': ' '.join(words),
        'brand': chance.choice(BRANDS),
        'category': chance.choice(CATEGORIES),
        'price': chance.randrange(100, 100_000) / 100,
        'stock': chance.randrange(1000),
        'made': START + datetime.timedelta(seconds=chance.randrange(10**8)),
        'longitude': chance.uniform(-180, 180),
        'latitude': chance.uniform(-85, 85),
    }
