-- What of a commit concerns rows that are there. See ../commit.lua, which has what this needs.
--
-- Request: updates  = list of {key, {field, ...}, {expected value or false, ...},
--                     {new value or false, ...}}; the new values go with the first fields, the
--                     others are only compared; then the column that says when the row
--                     expires, if one that has expired may not be written
--          deletes  = list of {key, {field, ...}, {expected value or false, ...}}
--          releases = list of {hash, {value, ...}, {id, ...}}
--          srem     = {[set] = {member, ...}}
--          zrem     = {[sorted set] = {member, ...}}
--          guards   = list of {sorted set, id, head of the rows' keys, field,
--                     {[member] = true}}: no other row holds that id in that field
--          died     = {[bitmap] = {id, ...}}
--          dropped  = list of keys to delete, whatever they hold
--          strings  = {[key] = value}
--          ages     = list of microseconds: so long before the request was made the first of these
--                     rows was read, by the counters of the request's epochs
--          read     = the same for each row, once that was asked for: list of {head of the rows'
--                     keys, {id, ...}, {microseconds, ...}}
--          tell     = reply what was there of the rows to delete, and of the keys to drop behind
--                     them, instead of the id taken
--
-- What is empty may be left out.

-- @include lib/bitmaps
-- @include lib/expiry
-- @include lib/live

-- Looking.

-- Which of the fields differ from what was expected.
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

-- Old rows are as expected. What happens to one that is gone is the caller's to say.
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

-- What has expired is updated no more: others may have taken its unique values.
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

-- Data that were lost may have been followed by others under the same ids. Few requests need to
-- look at more than when the last epoch of a counter began.
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

-- Unique values that this very commit gives up: hash, then value, to the id that had it.
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

-- The index finds them and the row decides: an entry may be left over from a row that is gone, and
-- large ids that differ may have one score.
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

-- Writing.

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

-- For each row, and for each key behind them, whether it was there.
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

-- Returns what there was of what was deleted.
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
