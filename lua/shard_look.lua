-- Look whether a unique value belongs to a row of this partition, as an entry of the directory
-- says.
--
-- Keys: KEYS[1], the note in this partition of the transaction that made the entry; HEADintents,
-- HEADprepared, the hash of unique values and the row.
--
-- Request: head, token
--          unique = the hash of unique values
--          value  = the value
--          rows   = head of the keys of the rows
--          expiry = the field that says when a row expires; absent without one
--          fields = the fields of the row to reply; absent for none
--          anyway = do not reply 'prepared'
--          fence  = if the transaction is not decided, decide that it never writes here
--
-- Reply:   'prepared', intent, time            a transaction is about to write the row, or to give
--                                              it the value
--          'held', id, decided, {value, ...}   a row has the value; `decided` is '1' unless the
--                                              transaction of the entry may still write here
--          'free', '', decided                 no row has it

-- @include lib/attempt
-- @include lib/expiry
-- @include lib/prepared

local asked = cmsgpack.unpack(ARGV[1])

local function is_decided()
    if redis.call('EXISTS', KEYS[1]) == 1 then
        return '1'
    elseif asked.fence then
        note('void')
        return '1'
    end
    return ''
end

local function lives(row)
    return redis.call('EXISTS', row) == 1 and not (asked.expiry and has_expired(row, asked.expiry))
end

local intent = intent_of(asked.head, asked.token)
local holder = redis.call('HGET', asked.unique, asked.value)
local row = holder and asked.rows .. holder
intent = intent or (row and redis.call('HGET', asked.head .. 'intents', row))
if intent and not asked.anyway then
    return {'prepared', intent, redis.call('TIME')[1]}
end
local decided = is_decided()
if not row or not lives(row) then
    return {'free', '', decided}
end
return {'held', holder, decided, asked.fields and fields_of(row, asked.fields)}
