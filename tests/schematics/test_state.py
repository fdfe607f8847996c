import copy
import gc
import pickle

from rom.schematics.state import ObjectState, PrefetchGroup, state_of


class Thing:
    pass


def test_an_object_has_one_state() -> None:
    thing = Thing()
    assert state_of(thing) is state_of(thing) is not state_of(Thing())
    assert state_of(thing).seen is None


def test_a_copy_remembers_what_was_stored_and_nobody_else() -> None:
    state = ObjectState()
    state.seen = {'a': b'1'}
    state.references['a'] = ('x', Thing())
    state.group = PrefetchGroup([Thing()])
    for other in (copy.deepcopy(state), pickle.loads(pickle.dumps(state))):
        assert (other.seen, other.group, other.references) == ({'a': b'1'}, None, {})


def test_a_batch_keeps_nobody_alive() -> None:
    things = [Thing(), Thing()]
    batch = PrefetchGroup(things)
    assert batch.members() == things
    kept = things.pop()
    things.clear()
    gc.collect()
    assert batch.members() == [kept]
