"""Medians, ratios, goals, and the page that shows them."""

import json
from pathlib import Path
from xml.etree import ElementTree

import pytest

from benchmarks import bars, report
from benchmarks.obstacles import OBSTACLES
from benchmarks.operations import OPERATIONS
from benchmarks.peers import PEERS
from benchmarks.results import Case, Results
from benchmarks.targets import TARGETS, Measured

SIZES = [10_000, 100_000, 1_000_000]
PLACES = {member.name: place for place, member in enumerate(PEERS, 1)}


@pytest.fixture
def results() -> Results:
    """As if ours took a microsecond for everything, and the next peer two, and so on."""
    made = Results(
        facts={
            'date': '2026-01-01', 'commit': 'abc', 'server': 'Valkey 9', 'python': '3.11',
            'system': 'Linux', 'sizes': SIZES, 'rounds': 3, 'cores': 2,
            'versions': {'redis': '8', 'hiredis': '3'},
        }
    )  # fmt: skip
    for place, member in enumerate(PEERS, 1):
        made.dashes[member.name] = {}
        for operation in OPERATIONS:
            for size in operation.counts or SIZES:
                for slowness in (1, 5, 1):
                    made.add(member.name, Case(operation.name, size), [place * 1000 * slowness])
                check = {'trips': place, 'writes': 0, 'longest': 1000 * place}
                made.checks.setdefault(member.name, {})[Case(operation.name, size)] = check
        made.memory[member.name] = dict.fromkeys(SIZES, 100.0 * place)
        made.loads[member.name] = dict.fromkeys(SIZES, 100.0)
        made.server_times[member.name] = dict.fromkeys(SIZES, 10.0)
    made.imports = {'rom': [3.0, 40.0, 3.0], 'redis': [2.0, 20.0, 2.0]}
    return made


def test_ratios_are_of_rounds(results: Results) -> None:
    case = Case('latest', 10_000)
    assert results.time('ours', case) == 1000
    assert results.ratio('rom1', 'ours', case) == PLACES['rom1']
    assert results.growth('ours', 'latest', 10_000, 1_000_000) == 1
    assert results.import_ratio('rom', 'redis') == 1.5
    assert results.ratio('nobody', 'ours', case) is None


def test_what_is_kept_is_read_again(results: Results, tmp_path: Path) -> None:
    path = tmp_path / 'folder' / 'samples.json'
    results.save(path)
    assert Results.read(path) == results


def test_samples_of_a_run_that_did_not_measure_the_server_are_read(
    results: Results, tmp_path: Path
) -> None:
    path = tmp_path / 'samples.json'
    results.save(path)
    older = json.loads(path.read_text())
    del older['server_times']
    path.write_text(json.dumps(older))
    found = Results.read(path)
    assert found.server_times == {}
    assert found.loads == results.loads


def test_every_goal_has_a_measure(results: Results) -> None:
    found = {target.what: target.measure(results) for target in TARGETS}
    assert None not in found.values()
    assert found['get_by a unique column'] == Measured(PLACES['rom1'])
    assert found['any query, against the fastest object mapper'].value == PLACES['rom1']
    assert found['any query, against hand-written commands'].value == PLACES['handwritten']
    memory = found['memory of an entity, against rom 1.1.2']
    assert memory.value == pytest.approx(1 / PLACES['rom1'])
    assert found['trips of that filter'] == Measured(PLACES['ours_schematics'])
    assert found['longest that one command holds the server, any query'].value == 1


def test_a_filter_of_models_names_the_size_that_stands_in(results: Results) -> None:
    target = next(one for one in TARGETS if 'filter of schematics models' in one.what)
    both = results.samples['ours_schematics'], results.samples['redis_schematics']
    for size in SIZES:
        both[0][Case('filter_models', size)] = [1.0]
        both[1][Case('filter_models', size)] = [size / 100]
    assert target.measure(results) == Measured(1000)
    del both[1][Case('filter_models', 100_000)]
    assert target.measure(results) == Measured(100, 'with 10,000 models')
    assert target.is_reached(Measured(100))
    trips = next(one for one in TARGETS if one.what == 'trips of that filter')
    del results.checks['ours_schematics'][Case('filter_models', 100_000)]
    assert trips.measure(results) == Measured(PLACES['ours_schematics'], 'with 10,000 models')
    del both[1][Case('filter_models', 10_000)]
    assert target.measure(results) is None


def test_models_are_compared_with_ours(results: Results, tmp_path: Path) -> None:
    for member in PEERS:
        if member.name not in ('ours_schematics', 'redis_schematics'):
            for size in SIZES:
                del results.samples[member.name][Case('filter_models', size)]
                del results.checks[member.name][Case('filter_models', size)]
    page = tmp_path / 'benchmarks.rst'
    report.write(results, page, [])
    _, _, rest = page.read_text().partition('Models of schematics')
    table, _, rest = rest.partition('Round trips, writes')
    assert 'rom (this)' not in table
    theirs, ours = PLACES['redis_schematics'], PLACES['ours_schematics']
    cells = f'- {theirs} µs ({theirs / ours:.3g}×)\n     - {ours} µs\n'
    assert table.count(cells) == len(SIZES)
    assert 'age = x, 1% at most: 1,000,000' in rest


def test_reached_and_missed() -> None:
    more = next(target for target in TARGETS if target.what == 'get_by a unique column')
    assert more.is_reached(Measured(1.7))
    assert not more.is_reached(Measured(0.85))
    assert more.missed_by(Measured(0.85)) == 2
    less = next(target for target in TARGETS if target.what.startswith('importing'))
    assert less.is_reached(Measured(1.3))
    assert not less.is_reached(Measured(2.6))
    assert less.missed_by(Measured(2.6)) == 2


def test_every_obstacle_is_to_a_goal() -> None:
    assert OBSTACLES.keys() <= {target.what for target in TARGETS}


def test_the_page(results: Results, tmp_path: Path) -> None:
    page = tmp_path / 'benchmarks.rst'
    report.write(results, page, [tmp_path / 'benchmarks' / 'queries.png'])
    text = page.read_text()
    assert f'{PLACES["rom1"]} µs ({PLACES["rom1"]}×)' in text
    assert '**missed** by' in text
    assert 'Reasons for missed goals' in text
    assert '.. image:: benchmarks/queries.png' in text
    assert 'A quick run' not in text
    assert all(member.title in text for member in PEERS)


def slower(results: Results, peer: str, operation: str, times: int) -> None:
    for size in SIZES:
        case = Case(operation, size)
        results.samples[peer][case] = [times * one for one in results.samples[peer][case]]


def test_questions_beside_a_search_engine(results: Results) -> None:
    place = PLACES['redisearch']
    ahead = next(one for one in TARGETS if one.what.endswith('of 12: 100,000'))
    worst = next(one for one in TARGETS if one.what == 'the worst of them: 100,000')
    assert ahead.measure(results) == Measured(12)
    slower(results, 'ours', 'words', 2 * place)
    assert ahead.measure(results) == Measured(11)
    assert worst.measure(results) == Measured(0.5, 'two words, 3 hits')
    # With a compound index, this is the one that counts.
    slower(results, 'ours', 'count', 10 * place)
    assert worst.measure(results) == Measured(0.5, 'two words, 3 hits')
    slower(results, 'ours_compound', 'count', 5 * place)
    worse = worst.measure(results)
    assert worse is not None
    assert worse.where == 'count of city = x, age in 10%'
    del results.samples['redisearch']
    assert ahead.measure(results) is None
    assert worst.measure(results) is None


def test_the_picture_of_a_search_engine(results: Results, tmp_path: Path) -> None:
    slower(results, 'ours', 'words', 2 * PLACES['redisearch'])
    picture = bars.write(results, tmp_path / 'benchmarks')
    assert picture is not None
    texts = [one.text for one in ElementTree.parse(picture).iter() if one.tag.endswith('text')]
    for title in ('get by a unique column', 'two words, 3 hits', 'sum of score over a city'):
        assert title in texts
    assert texts.count('0.5×') == 1
    page = tmp_path / 'benchmarks.rst'
    report.write(results, page, [], picture)
    assert '.. image:: benchmarks/search.svg' in page.read_text()


def test_without_a_search_engine_there_is_no_picture(results: Results, tmp_path: Path) -> None:
    bars.write(results, tmp_path)
    del results.samples['redisearch']
    assert bars.write(results, tmp_path) is None
    assert list(tmp_path.iterdir()) == []


def test_the_page_of_a_small_run(results: Results, tmp_path: Path) -> None:
    """What was not measured is a dash, and no error."""
    del results.samples['rom1'], results.memory['rom1']
    results.facts['sizes'] = [10_000]
    results.dashes['rom1'] = {'': 'could not be installed: no network'}
    results.imports.clear()
    page = tmp_path / 'benchmarks.rst'
    report.write(results, page, [])
    text = page.read_text()
    assert 'not measured' in text
    assert 'could not be installed: no network' in text
    assert 'A quick run' in text
    assert 'image' not in text
