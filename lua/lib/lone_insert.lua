-- A commit of one new row that takes its id here. See ../commit.lua and lone_commands.
--
-- Request: {at, epochs, counter, live, head of the row's key, primary key field, field that says
--          when a row expires, stamp, fingerprint, position of the first command, intents, field,
--          value, ..., command, ...}
--
-- False stands for what the model does not have. The commands are HSETNX for unique values, SADD
-- and ZADD, each key once, then EXISTS. Members, and the holders of unique values, lack the id at
-- their end.

-- @include lib/lone_commands
-- @include lib/process
-- @include lib/far_key

local NEW_FIELD = 12  -- the position of the first field

-- Return the id to give, and whether the bitmap gets another byte for it; nil if a row, far ids or
-- intents are in the way, or if the process has not begun the epoch or this is the first id of all.
local function usual_id(counted, live, head, intents)
    local begun, last = counted[1], counted[2]
    local number, bits = tonumber(last), redis.call('STRLEN', live) * 8
    -- A bitmap has no more than 2^32 bits, so Lua's numbers are exact for these ids.
    if not (begun and number and number > 0 and bits > 0 and number + 1 < bits + 8)
        or string.sub(begun, 1, #PROCESS) ~= PROCESS
        or string.format('%d', number) ~= last then
        return
    end
    local id, grows = string.format('%d', number + 1), number + 1 >= bits
    -- One command looks at both, because one is faster than two.
    local in_the_way = intents and redis.call('EXISTS', head .. id, intents)
        or redis.call('EXISTS', head .. id)
    if in_the_way == 0
        and not (grows and redis.call('ZCARD', live .. FAR) > 0) then
        return id, grows
    end
end

-- Append the id to members, and to '' as the holder of a unique value.
local function append_id(items, position, id)
    while position < #items do
        local last = position + items[position]
        -- A set gets one member. The others have pairs, in which the id is the second.
        for member = last, position + 3, -2 do
            items[member] = items[member] .. id
        end
        position = last + 1
    end
end

-- Insert the row and return the reply, or nil if the other parts must do it.
local function insert_usual(items)
    local counter, live, head, primary, command = items[3], items[4], items[5], items[6], items[10]
    local is_well, id, grows = pcall(usual_id, found_epochs, live, head, items[11])
    if not (is_well and id) then
        return
    end
    append_id(items, command, id)
    if not write_usual(items, command) then
        return
    end
    redis.call('INCRBY', counter, 1)
    redis.call('HSET', head .. id, primary, id, unpack(items, NEW_FIELD, command - 1))
    -- A server may not allow longer strings. Without a bitmap, the data is still right.
    if not grows then
        redis.call('SETBIT', live, id, 1)
    elseif type(redis.pcall('SETBIT', live, id, 1)) ~= 'number' then
        redis.call('DEL', live)
    end
    note(id)
    return {'ok', id}
end

-- Return the request as the other parts read it. Unique values keep their order, because the error
-- names the first one that is known.
local function insert_as_map(items)
    local at, epochs, counter, live, head, primary, expiry = unpack(items, 1, 7)
    local commands, claimed, of_hash = by_name(items, items[10]), {}, {}
    local position = items[10]
    while items[position + 1] == 'HSETNX' do
        local hash, value = items[position + 2], items[position + 3]
        if not of_hash[hash] then
            of_hash[hash] = {hash, {}, {}, head, expiry or nil}
            table.insert(claimed, of_hash[hash])
        end
        table.insert(of_hash[hash][2], value)
        table.insert(of_hash[hash][3], '')
        position = position + items[position] + 1
    end
    return {
        at = at, epochs = {epochs}, claims = claimed, sadd = commands.SADD, zadd = commands.ZADD,
        targets = targets_in(commands), shard = {intents = items[11]},
        new = {
            take = {counter, live, items[8] and {items[8], items[9]} or nil},
            inserts = {{head, '', primary, unpack(items, NEW_FIELD, items[10] - 1)}},
            born = {[live] = {''}},
        },
    }
end

if request[1] then
    local answer = earlier_answer(request[1], {request[2], request[3]}) or insert_usual(request)
    if answer then
        return answer
    end
    request = insert_as_map(cmsgpack.unpack(ARGV[1]))  -- anew, because the members got the id
end
