-- The part of a commit that deletes rows and keys. See ../commit.lua, which defines what this uses.
--
-- Request: rows    = list of {key, {field, ...}, {expected value or false, ...}}
--          guards  = list of {sorted set, id, head of the rows' keys, field,
--                    {[member] = true}}: no rows but these members may have that id in that field.
--                    Links have a set instead of the sorted set, and true as the last item
--          died    = {[bitmap] = {id, ...}}
--          dropped = list of keys to delete, whatever they hold
--          tell    = reply which of the rows and of the dropped keys existed, instead of the id
--                    that was taken
--
-- Empty parts may be left out.

-- @include lib/bitmaps
-- @include lib/compare
-- @include lib/dead

local function objection_to_deletes()
    return rows_are_as_expected(deletes.rows or NONE, nil)
        or bitmaps_answer(deletes.died or NONE)
end

local function has_link(links, id)
    return type(links) == 'string' and string.find(',' .. links .. ',', ',' .. id .. ',', 1, true)
end

-- Return the objection to a row that refers to an id to be deleted, and is not known to the commit.
-- The index finds such rows, but the row decides: an index entry may be left over from a deleted
-- row, and different large ids may have the same score.
local function only_known_references()
    for _, guard in ipairs(deletes.guards or NONE) do
        local key, id, head, field, known, is_links = unpack(guard, 1, 6)
        local members = is_links and redis.call('SMEMBERS', key)
            or redis.call('ZRANGEBYSCORE', key, id, id)
        for _, member in ipairs(members) do
            local value = not known[member] and redis.pcall('HGET', head .. member, field)
            if value == id or (is_links and has_link(value, id)) then
                return {'referenced', key, member}
            end
        end
    end
end

-- Delete rows and keys; return a string with 1 for each that existed and 0 for each other.
local function write_deletes()
    local found = {}
    for _, row in ipairs(deletes.rows or NONE) do
        found[#found + 1] = redis.call('DEL', row[1])
    end
    for _, key in ipairs(deletes.dropped or NONE) do
        found[#found + 1] = redis.call('UNLINK', key)
    end
    for bitmap, ids in pairs(deletes.died or NONE) do
        mark_dead(bitmap, ids)
    end
    return table.concat(found)
end
