-- Many ids marked in the live bitmap at once. See live.

-- Set the bits of all ids from `first` to `last`: the whole bytes by one command.
local function set_bits(bitmap, first, last)
    local from, past = math.ceil(first / 8), math.floor((last + 1) / 8)
    if from < past then
        redis.call('SETRANGE', bitmap, from, string.rep('\255', past - from))
        set_bits(bitmap, first, from * 8 - 1)
        set_bits(bitmap, past * 8, last)
        return
    end
    for id = first, last do
        redis.call('SETBIT', bitmap, id, 1)
    end
end

-- Set the bits of ids; return false if one is too large, or too far above the others, or may have
-- to be a far id because there are such ids already.
local function set_all(live, bitmap, bits, ids)
    local first, last  -- a run of consecutive ids, because new ids mostly are consecutive
    for _, id in ipairs(ids) do
        local number = tonumber(id)
        if number >= bits
            and (number >= MOST_BITS or number > bits + LARGEST_GAP or has_far(live)) then
            return false
        elseif number - 1 == last then
            last = number
        else
            if first then
                set_bits(bitmap, first, last)
            end
            first, last = number, number
        end
        bits = math.max(bits, number)
    end
    if first then
        set_bits(bitmap, first, last)
    end
    return true
end
