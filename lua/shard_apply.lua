-- Carry out what was prepared for a transaction that is committed.
--
-- Only types of keys are checked: no other commit has written the rows since they were compared.
--
-- Keys: KEYS[1], the transaction's note in this partition; those of commit.lua; HEADintents and
-- HEADprepared, hashes.
--
-- Request: head, token
--
-- Reply:   'ok', told          it is carried out, now or before; told: as commit.lua replies
--          'unreadable', key   a key holds another type; nothing was written

-- @include lib/chunks
-- @include lib/attempt
-- @include lib/prepared

local asked = cmsgpack.unpack(ARGV[1])
local kept = prepared_here(asked.head, asked.token)
if not kept then
    return {'ok', redis.call('GET', KEYS[1]) or ''}
end
local request = cmsgpack.unpack(kept.request)
request.new = request.new or {}  -- lib/new_rows is there in any case, and reads it

-- @include lib/commit_request

local objection = keys_answer('SCARD', sadd)
    or keys_answer('ZCARD', zadd)
    or (old and keys_answer('SCARD', old.srem or NONE))
    or (old and keys_answer('ZCARD', old.zrem or NONE))
    or (words and vocabularies_answer())
if objection then
    return objection
end

-- @include lib/commit_writes
remove_intents(asked.head, asked.token, kept)
note(told)
return {'ok', told}
