"""Every sentence of docs/howto/sessions.rst has its tests, and this table finds them.

A change of a sentence needs a change of its line here, and of the tests.
"""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest
from docutils import nodes

from tests.support.pages import tree

pytestmark = pytest.mark.one_server

TESTS = Path(__file__).parent.parent
PAGE = TESTS.parent / 'docs' / 'howto' / 'sessions.rst'

P, U = '_core/sessions/test_promises', '_core/sessions/test_unwritten_warning'
E, ENV = '_core/sessions/test_other_sessions', '_core/sessions/test_environments'
D, C = '_core/sessions/test_detached', '_core/test_session_context'
IN = '_core/test_entered_session'

# How sentences begin, and the tests that hold each: a file, and names in it.
SENTENCES: dict[str, dict[str, str]] = {
    'The next commit of the current session': {P: 'test_after_a_rollback test_in_a_later_session'},
    'If it does not, rom raises an error': {E: 'test_a_commit_beside_the_task_that_has_changes'},
    'A change brings an entity to the current': {P: 'test_of_a_session_that_ended'},
    'An assignment, del and update()': {P: 'test_after_a_rollback'},
    'So is a Json that is read': {P: 'test_after_a_rollback test_in_a_later_session'},
    'If another session knows the entity': {P: 'test_the_session_that_knows_an_entity_keeps_it'},
    'A pool of threads may therefore': {
        P: 'test_in_a_thread_that_commits test_in_a_thread_for_one_who_commits'
    },
    'A change outlives the last': {
        P: 'test_a_change_in_place_after_a_commit_outlives_its_entity'
        ' test_a_job_that_walks_a_query_and_commits_now_and_then'
    },
    'The session holds an entity that was': {
        P: 'test_what_may_have_changed_is_held_until_a_commit_has_looked_at_it'
    },
    'It holds the entity longer': {P: 'test_a_value_that_is_kept_outlives_its_entity'},
    'In one session, two objects': {P: 'test_the_second_object_of_a_row_with_changes_is_an_error'},
    'The second change raises': {P: 'test_the_second_object_of_a_row_with_changes_is_an_error'},
    'If both objects were changed': {
        P: 'test_the_second_object_changed_in_place_is_told_at_the_commit'
    },
    'rollback() forgets entities': {P: 'test_what_such_a_session_gives_up_nobody_writes'},
    'The objects keep their values': {P: 'test_an_object_that_was_rolled_back_keeps_its_values'},
    'The next change of such an object': {
        P: 'test_an_object_that_was_rolled_back_keeps_its_values'
    },
    'refresh(force=True) discards': {P: 'test_a_forced_refresh_discards_changes'},
    'A commit is all or nothing': {
        '_core/sessions/test_both': 'test_several_models_all_or_nothing'
    },
    'If the value of a Json cannot': {P: 'test_a_spoiled_value_is_told_with_its_entity'},
    'A commit includes what _before': {P: 'test_what_hooks_make_and_change_is_part_of_the_commit'},
    'A save() writes only': {P: 'test_a_save_writes_only_what_it_is_given'},
    'A null session': {P: 'test_a_null_session_writes_what_is_saved_and_nothing_else'},
    'The cost of a commit': {P: 'test_a_commit_looks_at_what_may_have_changed'},
    'Iteration, iter_result and stream': {
        P: 'test_a_walk_holds_one_page test_a_walk_that_is_awaited_holds_one_page'
    },
    'to_dict() and copy() return': {
        P: 'test_a_dict_of_an_entity_shares_nothing test_a_copy_shares_nothing'
    },
    'The list of a OneToMany': {P: 'test_a_list_of_referrers_is_a_copy_without_what_was_deleted'},
    'It leaves out entities': {P: 'test_a_list_of_referrers_is_a_copy_without_what_was_deleted'},
    'A query, or a get_by that asks': {P: 'test_a_clean_entity_takes_the_row_that_comes'},
    'A worker that only reads': {P: 'test_a_worker_that_only_reads_sees_what_is_there'},
    'An entity with changes keeps': {
        P: 'test_a_changed_entity_keeps_its_changes_and_meets_the_lock'
    },
    'If another writer was faster': {
        P: 'test_a_changed_entity_keeps_its_changes_and_meets_the_lock'
    },
    'The same holds for a Json': {
        P: 'test_a_value_that_the_program_has_a_part_of_meets_the_lock_as_well'
    },
    'get with an id that': {P: 'test_a_known_id_sends_no_request_and_a_refresh_does'},
    'refresh() always reads': {P: 'test_a_known_id_sends_no_request_and_a_refresh_does'},
    'A new session knows nothing': {P: 'test_a_known_id_sends_no_request_and_a_refresh_does'},
    'refresh_all(), and refresh': {P: 'test_all_are_refreshed_in_one_trip_a_model'},
    'If rows were deleted': {P: 'test_a_refresh_goes_on_after_what_is_gone'},
    'Entities can be pickled': {D: 'test_what_arrives_is_equal_and_shares_nothing'},
    'A copy belongs to no session': {D: 'test_what_arrives_belongs_to_no_session'},
    'It remembers what was loaded': {D: 'test_what_arrives_is_equal_and_shares_nothing'},
    'To write it, call session.add': {
        D: 'test_it_is_written_by_add_and_a_commit test_it_is_written_under_the_same_lock'
    },
    'A copy that is changed again': {
        D: 'test_a_change_brings_it_to_the_session_at_work'
        ' test_a_new_one_is_written_when_it_is_added'
    },
    'An entity whose last write': {D: 'test_one_in_doubt_is_refused'},
    'entity.copy() is different': {P: 'test_a_copy_shares_nothing'},
    'All but the first row': {IN: 'test_a_thread_that_has_a_session_of_its_own_keeps_to_it'},
    'Sharing a session means': {
        C: 'test_tasks_that_begin_in_a_session_work_in_it',
        IN: 'test_a_job_commits_what_the_session_has',
    },
    'A task or thread that writes for itself': {
        C: 'test_tasks_that_begin_in_a_session_work_in_it',
        IN: 'test_a_thread_that_has_a_session_of_its_own_keeps_to_it',
    },
    'A thread has no event loop': {IN: 'test_a_job_commits_what_the_session_has'},
    'That session has the same': {
        IN: 'test_a_row_is_one_object_in_the_loop_and_in_jobs'
        ' test_what_a_job_makes_is_written_by_the_session'
    },
    'If the AsyncSession was made with': {
        IN: 'test_a_client_to_be_awaited_is_of_no_use_to_a_thread'
    },
    'A method such as': {C: 'test_a_method_is_of_the_session_that_is_current_where_it_is_called'},
    'It acts on the session': {
        C: 'test_a_method_is_of_the_session_that_is_current_where_it_is_called'
    },
    'Tasks and threads that share': {
        P: 'test_saves_that_are_gathered_have_the_ids_of_their_rows'
        ' test_tasks_of_one_session_write_one_after_the_other',
        IN: 'test_jobs_that_commit_at_once_write_one_after_the_other',
    },
    'If two sessions save': {P: 'test_what_another_thread_is_saving_is_told'},
    'The middleware of': {ENV: 'test_with_the_middleware_any_dependency_will_do'},
    'Dependencies and endpoints work in it': {
        'contrib/test_asgi': 'test_what_a_dependency_loads_and_changes_is_the_requests'
    },
    'Without it, write the dependency': {
        ENV: 'test_a_dependency_that_is_awaited_has_what_endpoints_change'
    },
    'Its session, of either kind': {
        ENV: 'test_a_dependency_that_is_awaited_has_what_endpoints_change'
    },
    'FastAPI runs a def dependency': {
        ENV: 'test_a_dependency_in_threads_is_told_what_it_does_not_write'
    },
    'The session of such a dependency': {
        ENV: 'test_a_dependency_in_threads_writes_what_its_session_knows',
        E: 'test_what_it_knows_is_written_wherever_it_commits',
    },
    'It warns of all other': {ENV: 'test_a_dependency_in_threads_is_told_what_it_does_not_write'},
    'A def dependency that enters no': {ENV: 'test_a_dependency_without_a_session_writes_or_warns'},
    'A worker’s thread runs': {C: 'test_a_thread_has_one_session'},
    'Enter a session in each task': {ENV: 'test_a_task_of_celery_enters_a_session'},
    'Fixtures of pytest-asyncio': {ENV: 'test_fixtures_that_are_awaited test_unittest'},
    'The changes of one sync_to_async call': {
        ENV: 'test_asgiref_keeps_what_one_call_has_made_for_the_next'
    },
    'async_to_sync starts': {ENV: 'test_async_to_sync_starts_a_task_with_a_session_of_its_own'},
    'A session commits nothing by itself': {U: 'test_a_session_that_is_left'},
    'Changes that were never written': {U: 'test_a_session_that_is_left'},
    'the session is left': {U: 'test_a_session_that_is_left'},
    'its thread, job or task ends': {
        U: 'test_a_thread_that_ends test_a_task_that_ends'
        ' test_a_job_in_a_thread_leaves_nothing_to_the_next_one'
    },
    'the program drops the session': {U: 'test_a_session_that_nobody_has_any_more'},
    'the program ends': {U: 'test_a_program_that_ends'},
    'The warning is given once': {
        U: 'test_a_session_that_is_left test_many_entities_are_one_warning'
    },
    'A rollback(), or an error': {U: 'test_it_is_silent'},
    'A commit also warns': {E: 'test_the_line_of_the_program_is_named'},
    'it has nothing to write, and the program': {
        E: 'test_an_entity_whose_session_has_ended_is_told_of_by_the_next_commit'
    },
    'it has nothing to write, and the thread': {
        E: 'test_a_commit_beside_the_task_that_has_changes'
        ' test_a_loop_beside_the_thread_that_has_changes'
    },
    'The second case, with a task': {E: 'test_a_commit_beside_the_task_that_has_changes'},
    'its session was entered in another': {
        E: 'test_a_commit_where_the_session_is_not_the_current_one'
    },
    'To make these warnings errors': {E: 'test_as_an_error_it_leaves_all_as_it_was'},
    'A commit that raises one': {E: 'test_as_an_error_it_leaves_all_as_it_was'},
    'A forked process forgets': {U: 'test_a_child_does_not_write_what_its_parent_changed'},
    # The table of current sessions, by its first column.
    'where the code runs': {},
    'inside with or async with': {
        C: 'test_tasks_that_begin_in_a_session_work_in_it test_a_fixture_enters_and_a_test_works'
        ' test_a_task_that_outlives_the_session_has_its_own',
        IN: 'test_what_a_job_makes_is_written_by_the_session'
        ' test_a_session_that_is_over_is_none_for_its_copies',
    },
    'a thread': {C: 'test_each_thread_has_its_own test_a_threads_session_ends_with_it'},
    'a job in a context': {U: 'test_a_job_in_a_thread_leaves_nothing_to_the_next_one'},
    'a task': {C: 'test_each_task_has_its_own test_a_task_keeps_its_session_over_an_await'},
    'callbacks of an event loop': {C: 'test_callbacks_of_a_loop_share_the_session_of_its_thread'},
    'a notebook, the shells': {
        ENV: 'test_the_cells_of_a_notebook_share_one_session'
        ' test_the_lines_of_a_shell_share_one_session'
    },
    'a web request': {'contrib/test_every_front': 'test_each_request_has_a_session_of_its_own'},
}


def sentences() -> list[str]:
    """Return the sentences of the page, and the first column of its table."""
    found = []
    for paragraph in tree(PAGE).findall(nodes.paragraph):
        cell = paragraph.parent
        if isinstance(cell, nodes.entry):
            if cell.parent.index(cell) == 0:
                found.append(paragraph.astext())
        elif not isinstance(cell, nodes.system_message):
            text = ' '.join(paragraph.astext().split())
            found += re.split(r'(?<=[.:]) (?=[A-Z]|\w+\(|\w+\.\w+\(|async_)', text)
    captions = {'FastAPI.', 'Celery.', 'Tests.', 'asgiref.'}
    return [sentence.replace("'", '’') for sentence in found if sentence not in captions]


def begins(sentence: str) -> list[str]:
    """The lines of the table that are about a sentence."""
    fitting = [start for start in SENTENCES if sentence.startswith(start)]
    return [start for start in fitting if len(start) == max(map(len, fitting))]


def test_every_sentence_is_in_the_table_and_no_other() -> None:
    found = sentences()
    assert [sentence for sentence in found if not begins(sentence)] == []
    assert set(SENTENCES) - {start for sentence in found for start in begins(sentence)} == set()


def test_the_tests_of_the_table_are_there() -> None:
    missing = []
    for tests in SENTENCES.values():
        for file, names in tests.items():
            tree = ast.parse((TESTS / f'{file}.py').read_text())
            functions = (ast.FunctionDef, ast.AsyncFunctionDef)
            there = {node.name for node in tree.body if isinstance(node, functions)}
            missing += [f'{file}.py::{name}' for name in names.split() if name not in there]
    assert missing == []
