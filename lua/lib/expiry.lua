-- Expiry of rows by the server's clock: a row has expired once the time in its column has come.

-- @include lib/call

-- Return the time in seconds since 1970, as digits; it is the same throughout a script.
local function now()
    if not CALL.moment then
        local time = redis.call('TIME')
        CALL.moment = string.format('%s.%06d', time[1], time[2])
    end
    return CALL.moment
end

-- Return whether a row has expired; false for a key without a row and for a malformed time.
local function has_expired(key, field)
    local value = redis.pcall('HGET', key, field)
    local time = type(value) == 'string' and tonumber(value)
    return time and time <= tonumber(now())
end
