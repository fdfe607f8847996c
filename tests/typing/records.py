"""What type checkers say of rom.repocket; mypy checks this file, nothing runs it."""

from typing import Any, assert_type

import redis

from rom.repocket import ActiveRecord, ResultSet, attributes, configure


class Typed(ActiveRecord):
    name = attributes.Unicode(index=True)
    parent = attributes.Pointer(ActiveRecord)
    number = attributes.Pointer(int)  # type: ignore[arg-type]


typed = Typed.create(name='x')
assert_type(typed, Typed)
assert_type(Typed.objects.create(name='x'), Typed)
assert_type(Typed.objects.get(id='x'), Typed | None)
assert_type(Typed.objects.filter(name='x').order_by('name'), ResultSet[Typed])
assert_type(Typed.name, attributes.Unicode)
assert_type(typed.delete(), int)
assert_type(typed.to_dict(), dict[str, Any])
assert_type(configure.get_connection(), redis.Redis)
