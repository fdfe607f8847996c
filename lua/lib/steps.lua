-- Commands of the caller, all or none: first the checks, then the steps.
--
-- A check is {{command, key, argument, ...}, {expected, ...}}: a reading command whose reply is a
-- list, and the expected values; false stands for a missing one.
-- A step is {command, key, argument, ...}; or {'EXPIRE', milliseconds, key, ...}, after which all
-- these keys expire at the same moment.

-- The type that a key must hold for a command.
local HOLDS = {HSET = 'hash', HDEL = 'hash', HLEN = 'hash', HMGET = 'hash'}

local function holds_another_type(command, key)
    local wanted = HOLDS[command]
    if wanted then
        local kind = redis.call('TYPE', key).ok
        return kind ~= wanted and kind ~= 'none'
    end
end

local function is_as_expected(found, expected)
    for position, value in ipairs(expected) do
        if (found[position] or false) ~= value then
            return false
        end
    end
    return true
end

-- Return the objection to the steps: {'unreadable', key}, {'differs', number of a check}, or nil.
local function objection_to(checks, steps)
    for position, check in ipairs(checks) do
        local command, expected = check[1], check[2]
        if holds_another_type(command[1], command[2]) then
            return {'unreadable', command[2]}
        end
        if not is_as_expected(redis.call(unpack(command)), expected) then
            return {'differs', tostring(position)}
        end
    end
    for _, step in ipairs(steps) do
        if holds_another_type(step[1], step[2]) then
            return {'unreadable', step[2]}
        end
    end
end

-- Expire keys together. The clock is read once, so that no key outlives another by a millisecond.
local function expire_together(step)
    local time = redis.call('TIME')
    local at = time[1] * 1000 + math.floor(time[2] / 1000) + tonumber(step[2])
    local due = string.format('%.0f', at)
    for position = 3, #step do
        redis.call('PEXPIREAT', step[position], due)
    end
    return #step - 2
end

local function take(step)
    if step[1] == 'EXPIRE' then
        return expire_together(step)
    end
    local reply = redis.call(unpack(step))
    return type(reply) == 'table' and reply.ok or reply
end

-- Carry out the steps; return a reply for each.
local function take_all(steps)
    local replies = {}
    for position, step in ipairs(steps) do
        replies[position] = take(step)
    end
    return replies
end
