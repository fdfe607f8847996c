-- A commit of one change of an existing row. See ../commit.lua and lone_commands.
--
-- Request: {at, epochs, age, key of the row, number of fields, position of the first command,
--          intents, field, ..., expected value or false, ..., command, ...}
--
-- `epochs` and `age`, in microseconds, say when the row was read, as in existing_rows; false: just
-- now. The commands are SREM, ZREM, SADD, ZADD, each key once, then HSET and HDEL for the row,
-- which write the first of the fields, in the same order; then EXISTS.

-- @include lib/lone_commands

local OLD_FIELD = 8  -- the position of the first field

-- Return whether the row is as its writer knows it.
local function is_unchanged(items)
    local age, row, count = items[3], items[4], items[5]
    local begun = age and found_epochs[1] and string.match(found_epochs[1], '|(%d+)')
    if begun and age > current[1] * 1000000 + current[2] - begun then
        return false
    end
    local found = redis.pcall('HMGET', row, unpack(items, OLD_FIELD, OLD_FIELD + count - 1))
    local expected, is_there = OLD_FIELD + count - 1, false
    for position = 1, count do
        if found[position] ~= items[expected + position] then
            return false
        end
        is_there = is_there or found[position]
    end
    return is_there or redis.call('EXISTS', row) == 1
end

local function update_as_map(items)
    local at, epochs, age, row, count, command = unpack(items, 1, 6)
    local commands = by_name(items, command)
    local fields = {unpack(items, OLD_FIELD, OLD_FIELD + count - 1)}
    local expected = {unpack(items, OLD_FIELD + count, command - 1)}
    local new = {}
    local set, removed = commands.HSET[row] or {}, commands.HDEL[row] or {}
    for position = 1, #set, 2 do
        new[set[position]] = set[position + 1]
    end
    local becomes = {}
    for position = 1, #set / 2 + #removed do
        becomes[position] = new[fields[position]] or false
    end
    return {
        at = at, epochs = epochs and {epochs}, sadd = commands.SADD, zadd = commands.ZADD,
        targets = targets_in(commands), shard = {intents = items[7]},
        old = {
            updates = {{row, fields, expected, becomes}}, srem = commands.SREM,
            zrem = commands.ZREM, ages = age and {age},
        },
    }
end

if request[1] then
    local answer = earlier_answer(request[1], {request[2] or nil})
    if answer then
        return answer
    end
    local has_intents = request[7] and redis.call('EXISTS', request[7]) == 1
    if not has_intents and is_unchanged(request) and write_usual(request, request[6]) then
        note('')
        return {'ok', ''}
    end
    request = update_as_map(request)
end
