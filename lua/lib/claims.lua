-- The part of a commit that claims unique values. See ../commit.lua.

local function lives(row, expiry)
    -- @include lib/expiry
    return redis.call('EXISTS', row) == 1 and not (expiry and has_expired(row, expiry))
end

-- Return the objection to a value that another row holds. A value is free without a holder, if its
-- holder releases it in this commit, or if the holder's row is deleted or expired. `given_up` maps
-- each hash to its released values and their former holders.
local function objection_to_claims(given_up)
    for _, claim in ipairs(claims) do
        local hash, values, ids, head, expiry = unpack(claim, 1, 5)
        local is_hash, holders = pcall(fields_of, hash, values)
        if not is_hash then
            return unreadable(hash, holders)
        end
        local leaving, taken = given_up[hash] or NONE, {}
        for position, value in ipairs(values) do
            local id, holder = ids[position], holders[position]
            if holder and holder ~= id and leaving[value] ~= holder
                and lives(head .. holder, expiry) then
                return {'unique', hash, value, id, holder}
            end
            if taken[value] and taken[value] ~= id then
                return {'unique', hash, value, id, taken[value]}
            end
            taken[value] = id
        end
    end
end

local function write_claims()
    for _, claim in ipairs(claims) do
        local set = {}
        for position, value in ipairs(claim[2]) do
            set[#set + 1] = value
            set[#set + 1] = claim[3][position]
        end
        in_chunks('HSET', claim[1], set)
    end
end
