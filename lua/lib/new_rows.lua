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

local inserts = new.inserts or NONE

-- @include lib/bitmaps
-- @include lib/live
-- @include lib/take if take
-- @include lib/highest if highest

local function new_rows_are_free()
    local rows = {}
    for position, insert in ipairs(inserts) do
        rows[position] = insert[1] .. insert[2]
    end
    for first = 1, #rows, CHUNK do
        local last = math.min(first + CHUNK - 1, #rows)
        if redis.call('EXISTS', unpack(rows, first, last)) > 0 then
            for position = first, last do
                if redis.call('EXISTS', rows[position]) == 1 then
                    return {'exists', rows[position]}
                end
            end
        end
    end
end

local function objection_to_new()
    return (new.take and id_is_to_be_had())
        or (new.highest and counters_answer())
        or new_rows_are_free()
        or bitmaps_answer(new.born or NONE)
end

-- Insert the rows; return the id that was taken, or ''.
local function write_new()
    local taken = new.take and take_id() or ''
    if new.highest then
        put_counters_ahead()
    end
    for _, insert in ipairs(inserts) do
        local head, id, primary = insert[1], insert[2], insert[3]
        insert[2], insert[3] = primary, id
        in_chunks('HSET', head .. id, insert, primary and 2 or 4)
    end
    for bitmap, ids in pairs(new.born or NONE) do
        mark_live(bitmap, ids)
    end
    return taken
end
