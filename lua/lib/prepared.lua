-- Prepared transactions: the data that a partition keeps of them.
--
-- The hash HEADprepared has, for each token, the intent of its rows, a space, and {rows, shared,
-- request}, packed: the fields of HEADintents with that intent, and those that it shares with
-- others. It has no expiry: only the outcome of the transaction removes it.

-- @include lib/chunks

-- Return the intent of a prepared transaction, or nil.
local function intent_of(head, token)
    local kept = redis.call('HGET', head .. 'prepared', token)
    return kept and kept:match('^%S+')
end

-- Return {rows, shared, request} of a prepared transaction with its intent, or nil.
local function prepared_here(head, token)
    local kept = redis.call('HGET', head .. 'prepared', token)
    if not kept then
        return
    end
    local intent, packed = kept:match('^(%S+) (.*)')
    local found = cmsgpack.unpack(packed)
    found.intent = intent
    return found
end

-- Remove an intent from a field that other transactions share.
local function leave(intents, field, intent)
    local left = {}
    for other in string.gmatch(redis.call('HGET', intents, field) or '', '%S+') do
        if other ~= intent then
            left[#left + 1] = other
        end
    end
    if #left > 0 then
        redis.call('HSET', intents, field, table.concat(left, ' '))
    else
        redis.call('HDEL', intents, field)
    end
end

local function remove_intents(head, token, kept)
    for _, field in ipairs(kept.shared or {}) do
        leave(head .. 'intents', field, kept.intent)
    end
    in_chunks('HDEL', head .. 'intents', kept.rows)
    redis.call('HDEL', head .. 'prepared', token)
end
