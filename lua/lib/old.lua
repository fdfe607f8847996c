-- The part of a commit that updates and deletes rows. See ../commit.lua, which defines what this
-- uses.
--
-- Request: updates  = list of {key, {field, ...}, {expected value or false, ...},
--                     {new value or false, ...}, field}; the new values belong to the first
--                     fields, the other fields are only compared; the last field is that of the
--                     ExpireAt column, and is left out where an expired row may be written
--          deletes  = list of {key, {field, ...}, {expected value or false, ...}}
--          releases = list of {hash, {value, ...}, {id, ...}}
--          srem     = {[set] = {member, ...}}
--          zrem     = {[sorted set] = {member, ...}}
--          guards   = list of {sorted set, id, head of the rows' keys, field,
--                     {[member] = true}}: no rows but these members may have that id in that field
--          died     = {[bitmap] = {id, ...}}
--          dropped  = list of keys to delete, whatever they hold
--          strings  = {[key] = value}
--          ages     = list of microseconds, one for each of the request's epochs: how long before
--                     the request the oldest row of that counter was read
--          read     = the same for each row, sent after the reply 'epoch': list of {head of the
--                     rows' keys, {id, ...}, {microseconds, ...}}
--          tell     = reply which of the rows to delete and of the keys to drop existed, instead of
--                     the id that was taken
--
-- Empty parts may be left out.

-- @include lib/bitmaps
-- @include lib/expiry
-- @include lib/live

-- Checks. Each returns an objection, or nil.

-- Return the fields whose values differ from the expected ones.
local function differences(fields, found, expected)
    local differing = {}
    for position, field in ipairs(fields) do
        if found[position] ~= expected[position] then
            differing[#differing + 1] = field
        end
    end
    return differing
end

local function is_empty(values)
    for _, value in ipairs(values) do
        if value then
            return false
        end
    end
    return true
end

-- Compare rows with the expected values. `when_gone` is the status for a row that does not exist;
-- nil accepts it.
local function rows_are_as_expected(rows, when_gone)
    for _, row in ipairs(rows) do
        local key, fields, expected = row[1], row[2], row[3]
        local is_hash, found = pcall(fields_of, key, fields)
        if not is_hash then
            return unreadable(key, found)
        end
        if is_empty(found) and redis.call('EXISTS', key) == 0 then
            if when_gone then
                return {when_gone, key}
            end
        else
            local differing = differences(fields, found, expected)
            if #differing > 0 then
                return {'race', key, unpack(differing)}
            end
        end
    end
end

-- Refuse to update an expired row, because others may have taken its unique values.
local function updated_rows_have_not_expired(updates)
    for _, update in ipairs(updates) do
        local key, expiry = update[1], update[5]
        if expiry and has_expired(key, expiry) then
            return {'expired', key}
        end
    end
end

local function unique_values_are_readable(releases)
    for _, release in ipairs(releases) do
        local is_hash, found = pcall(fields_of, release[1], {release[2][1]})
        if not is_hash then
            return unreadable(release[1], found)
        end
    end
end

-- Refuse rows whose data was lost, and whose ids may have been given again. For most requests, the
-- start of the last epoch of each counter is all that must be looked at.
local function rows_are_those_that_were_read(ages)
    for position, age in ipairs(ages) do
        local epochs = found_epochs[position]
        local begun = epochs and epochs:match('|(%d+)')
        if begun and age > current[1] * 1000000 + current[2] - begun then
            -- @include lib/epochs
            local problem = objection_to_age(epochs, old.read and old.read[position])
            if problem then
                return problem
            end
        end
    end
end

local function objection_to_old()
    return rows_are_those_that_were_read(old.ages or NONE)
        or updated_rows_have_not_expired(old.updates or NONE)
        or rows_are_as_expected(old.updates or NONE, 'deleted')
        or rows_are_as_expected(old.deletes or NONE, nil)
        or keys_answer('SCARD', old.srem or NONE)
        or keys_answer('ZCARD', old.zrem or NONE)
        or bitmaps_answer(old.died or NONE)
        or keys_answer('STRLEN', old.strings or NONE)
        or unique_values_are_readable(old.releases or NONE)
end

-- Return the unique values that this commit releases: hash, then value, to the id that had it.
local function given_up()
    local all = {}
    for _, release in ipairs(old.releases or NONE) do
        local holders = {}
        for position, value in ipairs(release[2]) do
            holders[value] = release[3][position]
        end
        all[release[1]] = holders
    end
    return all
end

-- Return the objection to a row that refers to an id to be deleted, and is not known to the commit.
-- The index finds such rows, but the row decides: an index entry may be left over from a deleted
-- row, and different large ids may have the same score.
local function only_known_references()
    for _, guard in ipairs(old.guards or NONE) do
        local key, id, head, field, known = guard[1], guard[2], guard[3], guard[4], guard[5]
        for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, id, id)) do
            if not known[member] and redis.pcall('HGET', head .. member, field) == id then
                return {'referenced', key, member}
            end
        end
    end
end

-- Writes.

local function write_updates(updates)
    for _, update in ipairs(updates) do
        local key, fields, becomes = update[1], update[2], update[4]
        local set, unset = {}, {}
        for position, value in ipairs(becomes) do
            if value then
                set[#set + 1] = fields[position]
                set[#set + 1] = value
            else
                unset[#unset + 1] = fields[position]
            end
        end
        in_chunks('HSET', key, set)
        in_chunks('HDEL', key, unset)
    end
end

-- Delete rows and keys; return a string with 1 for each that existed and 0 for each other.
local function delete_rows(deletes, dropped)
    local found = {}
    for _, delete in ipairs(deletes) do
        found[#found + 1] = redis.call('DEL', delete[1])
    end
    for _, key in ipairs(dropped) do
        found[#found + 1] = redis.call('UNLINK', key)
    end
    return table.concat(found)
end

local function release(releases)
    for _, one in ipairs(releases) do
        local hash, values, ids = one[1], one[2], one[3]
        local own = {}
        for position, holder in ipairs(fields_of(hash, values)) do
            if holder == ids[position] then
                own[#own + 1] = values[position]
            end
        end
        in_chunks('HDEL', hash, own)
    end
end

-- Update and delete the rows; return the result of `delete_rows`.
local function write_old()
    write_updates(old.updates or NONE)
    local found = delete_rows(old.deletes or NONE, old.dropped or NONE)
    for key, value in pairs(old.strings or NONE) do
        redis.call('SET', key, value)
    end
    release(old.releases or NONE)
    write_each('SREM', old.srem or NONE)
    write_each('ZREM', old.zrem or NONE)
    for bitmap, ids in pairs(old.died or NONE) do
        mark_dead(bitmap, ids)
    end
    return found
end
