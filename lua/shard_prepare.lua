-- Prepare the changes of one partition, as a part of a transaction over partitions.
--
-- The script makes all checks of a commit. Then it keeps the request, and an intent on each of its
-- rows, so that shard_apply can write it later without any check. If a check fails, nothing is
-- kept, and a copy of the request is refused.
--
-- Keys: those of commit.lua, which are only read, but for counters of ids; HEADintents and
-- HEADprepared, hashes, see lib/intents and lib/prepared.
--
-- Request: that of commit.lua without an id to take, and
--          shard = {head, token, coordinator = the number of the partition that decides,
--                   joined = the sets that new links join; absent without any}
--
-- Reply:   'ok', 'prepared'   or '', if it was carried out since
--          an objection of commit.lua, or 'locked' of shard_commit

-- @include lib/attempt
-- @include lib/chunks

local request = cmsgpack.unpack(ARGV[1])

-- @include lib/commit_request
-- @include lib/intents

local function keep(shard, rows, shared)
    local seconds = redis.call('TIME')[1]
    local intents = shard.head .. 'intents'
    local intent = shard.coordinator .. ':' .. shard.token .. ':' .. seconds
    local marked = {}
    for _, row in ipairs(rows) do
        marked[#marked + 1] = row
        marked[#marked + 1] = intent
    end
    local fields = {}
    for position, row in ipairs(shared) do
        fields[position] = shared_field(row)
    end
    for position, others in ipairs(#fields > 0 and fields_of(intents, fields) or NONE) do
        marked[#marked + 1] = fields[position]
        marked[#marked + 1] = others and others .. ' ' .. intent or intent
    end
    in_chunks('HSET', intents, marked)
    local kept = cmsgpack.pack({rows = rows, shared = fields, request = ARGV[1]})
    kept = intent .. ' ' .. kept
    redis.call('HSET', shard.head .. 'prepared', shard.token, kept)
end

-- The script itself.

local shard = request.shard
local answer = earlier_answer(request.at, request.epochs)
if answer then
    return answer
end
local rows, shared = rows_of_commit(), shared_rows()
local locked = objection_to_rows(rows, shared, shard.head .. 'intents')
if locked then
    return locked
end
-- @include lib/commit_checks
if objection then
    return refuse(objection)
end

if new and new.highest then
    put_counters_ahead()  -- or another insert would take these ids meanwhile
end
keep(shard, rows, shared)
note('prepared')
return {'ok', 'prepared'}
