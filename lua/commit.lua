-- Write any number of entities, all or nothing.
--
-- The script checks everything first: the rows must be as the writer read them, the unique values
-- free, and every key of the right type. Only then does it write, with one command for each key. A
-- repeated request (the client library repeats it when a connection breaks) finds a note of the
-- first answer. The stored row cannot prove that a request was carried out: if two requests each
-- change 5 to 6, the second must not take the first one's 6 for its own.
--
-- Keys, by their form in the contract: rows (hashes), unique values (hashes), words (sets),
-- numbers, prefixes, suffixes, postings and vocabularies (sorted sets), live bitmaps, a counter and
-- the epochs of counters (strings); KEYS[1], the attempt's.
--
-- Request: at        = when the request was made, see lib/attempt; absent: it may be repeated
--          epochs    = list of keys: the epochs of counters, see lib/counter
--          new       = the new rows, see lib/new_rows
--          old       = the changes of existing rows, see lib/existing_rows
--          deletes   = the deletes, see lib/deletes
--          claims    = list of {hash, {value, ...}, {id, ...}, head of the rows' keys, column that
--                      says when a row expires, if there is one}: unique values
--          sadd      = {[set] = {member, ...}}
--          zadd      = {[sorted set] = {score, member, ...}}
--          words     = the words of ranked columns, see lib/vocabulary
--          also      = {checks, steps}: further commands of the caller, see lib/steps
--          targets   = the rows that new links and references lead to, see lib/targets
--
-- Empty parts may be left out of the request. A commit of one row may be a list, see
-- lib/lone_commands.
--
-- Reply:   'ok', the id taken or ''; for deletes, a 1 for each row that existed and a 0 for others
--          'void'; 'late', time              see lib/attempt
--          'unreadable', key                 a key holds another type
--          'deleted', row                    an updated row is gone
--          'expired', row                    an updated row has expired
--          'race', row, field, ...           these fields are not as expected
--          'epoch'                           ids were lost since rows were read; the caller must
--                                            send more of the rows, see lib/existing_rows
--          'lost', row                       the row that was read is lost, and this is another one
--          'exists', row                     an inserted row exists already
--          'unique', hash, value, id, holder another row has the value
--          'referenced', key, member         another row refers to an id that is to be deleted
--          'differs', number                 a check of the caller failed
--          'missing', row                    a new link or reference leads to a row that does not
--                                            exist

-- @include lib/attempt
-- @include lib/chunks

local request = cmsgpack.unpack(ARGV[1])

-- @include lib/lone_insert if lone_insert
-- @include lib/lone_update if lone_update

-- @include lib/commit_request

-- The script itself.

local at = request.at
local answer = at and earlier_answer(at, request.epochs)
if answer then
    return answer
end

-- @include lib/commit_checks
if objection then
    return at and refuse(objection) or objection
end

-- @include lib/commit_writes
if at then
    note(told)
end
return {'ok', told}
