-- What has expired, by the server's clock: its column says a time that is past, or is now.

local moment

-- Now, in seconds since 1970, as digits. It stays the same for as long as the script runs.
local function now()
    if not moment then
        local time = redis.call('TIME')
        moment = string.format('%s.%06d', time[1], time[2])
    end
    return moment
end

-- Whether a row has expired. A key that holds no row has not, nor has a value that is no number.
local function has_expired(key, field)
    local value = redis.pcall('HGET', key, field)
    local time = type(value) == 'string' and tonumber(value)
    return time and time <= tonumber(now())
end
