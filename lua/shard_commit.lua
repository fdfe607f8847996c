-- Commit the changes of one partition of a sharded model: alone, or as the coordinator of a
-- transaction over partitions.
--
-- The checks and writes are those of commit.lua. A row that another transaction is about to write
-- is not written. For a transaction, this call is the moment of truth: all other partitions are
-- prepared, and once this one is written, they will be.
--
-- Keys: those of commit.lua; HEADintents and HEADunfinished, hashes, see lib/intents and
-- shard_decide.
--
-- Request: that of commit.lua; as the coordinator also
--          shard = {token  = the token of the transaction,
--                   others = the numbers of the other partitions, as '3 5'}
--
-- HEAD is what stands before 'done:' and the token in KEYS[1].
--
-- Reply:   that of commit.lua, or
--          'locked', row, intent, time   another transaction is about to write the row. The
--                                        same request may be sent again

-- @include lib/attempt
-- @include lib/chunks

local request = cmsgpack.unpack(ARGV[1])
local own_head = string.match(KEYS[1], '^(.*)done:')
local has_intents = redis.call('EXISTS', own_head .. 'intents') == 1

-- @include lib/lone_insert if lone_insert
-- @include lib/lone_update if lone_update

-- @include lib/commit_request
-- @include lib/intents

-- The script itself.

local shard = request.shard or NONE
local answer = earlier_answer(request.at, request.epochs)
if answer then
    return answer
end
local locked = has_intents and objection_to_rows(rows_of_commit(), own_head)
if locked then
    return locked
end
-- @include lib/commit_checks
if objection then
    return refuse(objection)
end

-- @include lib/commit_writes
if shard.others then
    redis.call('HSET', own_head .. 'unfinished', shard.token, shard.others)
end
note(told)
return {'ok', told}
