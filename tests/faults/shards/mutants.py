"""Safety measures of the protocol, each taken out: a directed schedule must find that."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

from rom._core.drivers import scripts
from rom._core.ops.shards import directory, entries, leftovers, transaction


class Cut(NamedTuple):
    """A text of a script that is replaced."""

    file: str
    text: str
    instead: str = ''


class Patch(NamedTuple):
    """A function that is replaced."""

    module: Any
    name: str
    instead: Callable[..., Any]


def _unclaim_all(partitions: Any, changes: directory.Changes, token: bytes) -> list[Any]:
    for claim in changes.claims.values():
        claim.is_fresh = True
    return directory.unclaim_scripts(partitions, changes, token)


def _look_without_fence(*given: Any, **asked: Any) -> Any:
    return entries.look_script(*given, **{**asked, 'fence': False})


def _without_note(lib: str, keys: str) -> Cut:
    """A commit of one row that reads its note, and does not heed it."""
    text = f'earlier_answer(request[1], {keys})'
    return Cut(f'lib/{lib}', f'local answer = {text}', f'{text}\n    local answer = nil')


_ABORT_FENCES = Cut('shard_abort', "note('void')\n")

#: What is taken out, by a name for it.
MUTANTS: dict[str, tuple[Cut | Patch, ...]] = {
    'a refusal does not fence': (
        Cut('shard_commit', 'return refuse(objection)', 'return objection'),
        _ABORT_FENCES,
    ),
    'a look frees without a fence': (Cut('shard_look', "        note('void')\n"),),
    'a release does not compare': (Cut('shard_release', '== known[3] then', 'then'),),
    'a claim is withdrawn without comparing': (
        Cut(
            'shard_release',
            'if entry and entry:sub(1, #claim[3]) == claim[3] then',
            'if entry then',
        ),
    ),
    'a claim is withdrawn that a row relies on': (
        Patch(transaction, 'unclaim_scripts', _unclaim_all),
    ),
    'the coordinator forgets before all have applied': (
        Cut('shard_commit', 'if shard.others then', 'if false then'),
    ),
    'rows are not locked': (Cut('lib/intents', '        if held then', '        if false then'),),
    'requests are never too late': (
        Cut('lib/attempt', 'if now - at > LATEST then', 'if false then'),
    ),
    'claims do not compare': (Cut('shard_claim', 'if entry ~= expected and', 'if false and'),),
    'a look does not look at the row': (
        Cut('shard_look', 'if not row or not lives(row) then', 'if true then'),
    ),
    'declared dead without a fence': (Cut('shard_decide', "note('void')\nreturn", 'return'),),
    'prepared counts as decided': (
        Cut('shard_look', 'if intent and not asked.anyway then', 'if false then'),
    ),
    'a commit runs twice': (
        Cut('shard_commit', 'if answer then', "if answer and answer[1] ~= 'ok' then"),
    ),
    'an insert of one row runs twice': (_without_note('lone_insert', '{request[2], request[3]}'),),
    'an update of one row runs twice': (_without_note('lone_update', '{request[2] or nil}'),),
    'a commit of one row ignores intents': (
        Cut('lib/lone_update', "redis.call('EXISTS', request[7]) == 1", 'false'),
    ),
    'an abort does not fence': (_ABORT_FENCES,),
    'a prepared insert leaves its id to others': (
        Cut('shard_prepare', 'if new and new.highest then', 'if false then'),
    ),
    'a read by a unique value ignores intents': (
        Cut(
            'shard_look',
            'if intent and not asked.anyway then',
            'if intent and not asked.fields then',
        ),
    ),
    'a linked row need not stay': (
        Cut('lib/intents', '        fields[#fields + 1] = shared_field(row)\n'),
    ),
    'a delete does not close the sets of links': (
        Cut('lib/intents', '        if guard[6] then', '        if false then'),
    ),
    'one of two links gives up the row for both': (
        Cut('lib/prepared', 'if other ~= intent then', 'if false then'),
    ),
    'a collection takes what is not decided': (
        Patch(leftovers, 'look_script', _look_without_fence),
    ),
    'a read ignores intents': (Cut('shard_load', 'if not request.anyway and', 'if false and'),),
}


@contextmanager
def without(name: str) -> Iterator[None]:
    """Take out a safety measure meanwhile."""
    cuts = [cut for cut in MUTANTS[name] if isinstance(cut, Cut)]
    patches = [patch for patch in MUTANTS[name] if isinstance(patch, Patch)]
    real = scripts._read
    originals = [getattr(patch.module, patch.name) for patch in patches]

    def read(path: str) -> str:
        text = real(path)
        for cut in cuts:
            if cut.file == path:
                assert cut.text in text, f'{name}: {path} has no {cut.text!r}'
                text = text.replace(cut.text, cut.instead)
        return text

    scripts._read = read  # type: ignore[assignment]
    scripts.loaded.cache_clear()
    for patch in patches:
        setattr(patch.module, patch.name, patch.instead)
    try:
        yield
    finally:
        scripts._read = real
        scripts.loaded.cache_clear()
        for patch, original in zip(patches, originals, strict=True):
            setattr(patch.module, patch.name, original)
