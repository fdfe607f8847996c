-- Commands with any number of arguments, in chunks, because `unpack` fails above some 7,000 values.

local CHUNK = 4000  -- even, so that pairs stay together

-- Call `command key ...` with the arguments from position `first`, a chunk at a time.
local function in_chunks(command, key, arguments, first)
    local count = #arguments
    first = first or 1
    if first <= count and count <= CHUNK then  -- as most are
        redis.call(command, key, unpack(arguments, first))
        return
    end
    for from = first, count, CHUNK do
        local last = math.min(from + CHUNK - 1, count)
        redis.call(command, key, unpack(arguments, from, last))
    end
end

-- Return the values of these fields of a hash, in order; false for a field that is missing.
local function fields_of(key, fields)
    if #fields <= CHUNK then
        return redis.call('HMGET', key, unpack(fields))
    end
    local values = {}
    for first = 1, #fields, CHUNK do
        local last = math.min(first + CHUNK - 1, #fields)
        local some = redis.call('HMGET', key, unpack(fields, first, last))
        for position = 1, #some do
            values[first + position - 1] = some[position]
        end
    end
    return values
end
