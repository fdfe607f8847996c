-- Prepared transactions: the data that a partition keeps of them.
--
-- The hash HEADprepared has, for each token, the intent of its rows, a space, and {rows, request},
-- packed. It has no expiry: only the outcome of the transaction removes it.

-- @include lib/chunks

-- Return the intent of a prepared transaction, or nil.
local function intent_of(head, token)
    local kept = redis.call('HGET', head .. 'prepared', token)
    return kept and kept:match('^%S+')
end

-- Return {rows, request} of a prepared transaction, or nil.
local function prepared_here(head, token)
    local kept = redis.call('HGET', head .. 'prepared', token)
    return kept and cmsgpack.unpack(kept:match(' (.*)'))
end

local function remove_intents(head, token, rows)
    in_chunks('HDEL', head .. 'intents', rows)
    redis.call('HDEL', head .. 'prepared', token)
end
