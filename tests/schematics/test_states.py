import copy
import gc
import pickle

from rom.schematics.states import Batch, State, state_of


class Thing:
    pass


def test_an_object_has_one_state() -> None:
    thing = Thing()
    assert state_of(thing) is state_of(thing) is not state_of(Thing())
    assert state_of(thing).seen is None


def test_a_copy_remembers_what_was_stored_and_nobody_else() -> None:
    state = State()
    state.seen = {'a': b'1'}
    state.references['a'] = ('x', Thing())
    state.batch = Batch([Thing()])
    for other in (copy.deepcopy(state), pickle.loads(pickle.dumps(state))):
        assert (other.seen, other.batch, other.references) == ({'a': b'1'}, None, {})


def test_a_batch_keeps_nobody_alive() -> None:
    things = [Thing(), Thing()]
    batch = Batch(things)
    assert batch.members() == things
    kept = things.pop()
    things.clear()
    gc.collect()
    assert batch.members() == [kept]
