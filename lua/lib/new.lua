-- The part of a commit that inserts rows. See ../commit.lua, which defines what this uses.
--
-- Request: take    = {counter, live, stamp}: the single insert takes its id here. Until then the id
--                    is '' at the end of its key and of all its members, and as the holder of its
--                    unique values. The epochs of the counter are the first of the request. See
--                    counter
--          inserts = list of {head of the key, id, primary key field, field, value, ...}; the
--                    primary key field is false where the fields include it
--          highest = {[counter] = the highest id of the inserts that have one already}
--          born    = {[bitmap] = {id, ...}}
--
-- Empty parts may be left out.

-- @include lib/bitmaps
-- @include lib/counter
-- @include lib/live

local inserts = new.inserts or NONE

-- Checks. Each returns an objection, or nil.

local function count_existing(keys)
    local count = 0
    for first = 1, #keys, CHUNK do
        local last = math.min(first + CHUNK - 1, #keys)
        count = count + redis.call('EXISTS', unpack(keys, first, last))
    end
    return count
end

local function counters_answer()
    for counter in pairs(new.highest or NONE) do
        if not next_id(counter) then
            return {'unreadable', counter}
        end
    end
end

-- Set the id of the single insert, though the counter is advanced only when the commit writes.
local function id_is_to_be_had()
    local id = next_id(new.take[1])
    if not id then
        return {'unreadable', new.take[1]}
    end
    inserts[1][2] = id
end

local function new_rows_are_free()
    local rows = {}
    for position, insert in ipairs(inserts) do
        rows[position] = insert[1] .. insert[2]
    end
    if count_existing(rows) > 0 then
        for _, row in ipairs(rows) do
            if count_existing({row}) > 0 then
                return {'exists', row}
            end
        end
    end
end

local function objection_to_new()
    return (new.take and id_is_to_be_had())
        or counters_answer()
        or new_rows_are_free()
        or bitmaps_answer(new.born or NONE)
end

-- Writes.

-- Append the id that was taken where the request has ''.
local function complete(id)
    local function append(lists, step)
        for _, list in pairs(lists) do
            for position = step, #list, step do
                list[position] = list[position] .. id
            end
        end
    end
    append(sadd, 1)
    append(zadd, 2)
    append(new.born or NONE, 1)
    for _, claim in ipairs(claims or NONE) do
        append({claim[3]}, 1)
    end
end

local function write_new_rows()
    for _, insert in ipairs(inserts) do
        local head, id, primary = insert[1], insert[2], insert[3]
        insert[2], insert[3] = primary, id
        in_chunks('HSET', head .. id, insert, primary and 2 or 4)
    end
end

-- Insert the rows; return the id that was taken, or ''.
local function write_new()
    local taken = ''
    if new.take then
        local counter, live, stamp = unpack(new.take, 1, 3)
        local key = request.epochs and request.epochs[1]
        take_ids(counter, live, '1', stamp, key, key and found_epochs[1])
        taken = inserts[1][2]
        complete(taken)
    end
    for counter, id in pairs(new.highest or NONE) do
        put_ahead(counter, id)
    end
    write_new_rows()
    for bitmap, ids in pairs(new.born or NONE) do
        mark_live(bitmap, ids)
    end
    return taken
end
