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
-- Request: that of commit.lua, and
--          shard = {intents    = HEADintents,
--                   unfinished = HEADunfinished; absent without other partitions,
--                   token      = the token of the transaction,
--                   others     = the numbers of the other partitions, as '3 5',
--                   joined     = the sets that new links join; absent without any}
--
-- Reply:   that of commit.lua, or
--          'locked', row, intent, time   another transaction is about to write the row. The
--                                        same request may be sent again

-- @include lib/attempt
-- @include lib/chunks

local request = cmsgpack.unpack(ARGV[1])

-- @include lib/lone_insert if lone_insert
-- @include lib/lone_update if lone_update

-- @include lib/commit_request
-- @include lib/intents

-- The script itself.

local shard = request.shard
local answer = earlier_answer(request.at, request.epochs)
if answer then
    return answer
end
local locked = objection_to_rows(rows_of_commit(), shared_rows(), shard.intents)
if locked then
    return locked
end
-- @include lib/commit_checks
if objection then
    return refuse(objection)
end

-- @include lib/commit_writes
if shard.others then
    redis.call('HSET', shard.unfinished, shard.token, shard.others)
end
note(told)
return {'ok', told}
