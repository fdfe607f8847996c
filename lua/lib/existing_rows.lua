-- The part of a commit that updates rows, and that removes the entries and unique values which
-- updates and deletes end. See ../commit.lua, which defines what this uses.
--
-- Request: updates  = list of {key, {field, ...}, {expected value or false, ...},
--                     {new value or false, ...}, field}; the new values belong to the first
--                     fields, the other fields are only compared; the last field is that of the
--                     ExpireAt column, and is left out where an expired row may be written
--          releases = list of {hash, {value, ...}, {id, ...}}
--          srem     = {[set] = {member, ...}}
--          zrem     = {[sorted set] = {member, ...}}
--          strings  = {[key] = value}
--          ages     = list of microseconds, one for each of the request's epochs: how long before
--                     the request the oldest row of that counter was read
--          read     = the same for each row, sent after the reply 'epoch': list of {head of the
--                     rows' keys, {id, ...}, {microseconds, ...}}
--
-- Empty parts may be left out.

-- @include lib/expiry
-- @include lib/compare

-- Checks. Each returns an objection, or nil.

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
        or keys_answer('SCARD', old.srem or NONE)
        or keys_answer('ZCARD', old.zrem or NONE)
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

local function write_old()
    write_updates(old.updates or NONE)
    for key, value in pairs(old.strings or NONE) do
        redis.call('SET', key, value)
    end
    release(old.releases or NONE)
    write_each('SREM', old.srem or NONE)
    write_each('ZREM', old.zrem or NONE)
end
