-- The part of a commit that takes the id of its single insert. See ../commit.lua and new.

-- @include lib/counter

-- Set the id of the single insert, and append it where the request has ''; the counter is advanced
-- only when the commit writes.
local function id_is_to_be_had()
    local id = next_id(new.take[1])
    if not id then
        return {'unreadable', new.take[1]}
    end
    inserts[1][2] = id
    for _, members in pairs(sadd) do
        for position, member in ipairs(members) do
            members[position] = member .. id
        end
    end
    for _, scored in pairs(zadd) do
        for position = 2, #scored, 2 do
            scored[position] = scored[position] .. id
        end
    end
    for _, ids in pairs(new.born or NONE) do
        ids[1] = id
    end
    for _, claim in ipairs(claims or NONE) do
        for position in ipairs(claim[3]) do
            claim[3][position] = id
        end
    end
end

-- Take the id, and return it. The first id of all brings the live bitmap into being.
local function take_id()
    local counter, live, stamp = unpack(new.take, 1, 3)
    local epochs = request.epochs and request.epochs[1]
    if take_ids(counter, live, '1', stamp, epochs, epochs and found_epochs[1]) and live then
        LOOKED[live] = nil
    end
    return inserts[1][2]
end
