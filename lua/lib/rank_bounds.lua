-- Bounds of scores: how much a text can score at most. See lib/ranking.

-- @include lib/bm25

local MOST_FREQUENCIES = 16  -- that are told apart

-- The rank of the first posting with a lower frequency.
local function rank_below(posting, tf)
    return ask('ZCOUNT', posting.key, string.format('%.0f', tf * LENGTHS), '+inf')
end

-- The greatest frequency of a word, and the shortest length with it.
local function most_of(posting)
    if not posting.first then
        local first = ask('ZREVRANGE', posting.key, 0, 0, 'WITHSCORES')
        posting.first = tonumber(first[2] or '0')
    end
    return unpack_posting(posting.first)
end

-- The different frequencies of a word, each with the shortest length and the rank of its first
-- posting. If there are more than MOST_FREQUENCIES, the last one stands for all lower ones.
local function frequencies_of(posting)
    if posting.frequencies then
        return posting.frequencies
    end
    local found, rank = {}, 0
    while rank < posting.size do
        local first = ask('ZREVRANGE', posting.key, rank, rank, 'WITHSCORES')
        if not first[2] then
            break
        end
        local tf, length = unpack_posting(tonumber(first[2]))
        local is_last = #found == MOST_FREQUENCIES
        found[#found + 1] = {tf, is_last and 1 or length, rank}
        rank = is_last and posting.size or rank_below(posting, tf)
    end
    posting.frequencies = found
    return found
end

-- The same for the words of a merged group that was not read: as if one text had all of them.
local function best_of_merged(group)
    if not group.best then
        local tf = 0
        for _, posting in ipairs(group) do
            tf = tf + most_of(posting) * posting.closeness
        end
        group.best = worth_of(group, tf, 1)
    end
    return group.best
end

-- The greatest score of a group among texts of at least this length.
local function best_of(group, length)
    if #group > 1 then
        return best_of_merged(group)
    end
    local best = 0
    for _, frequency in ipairs(frequencies_of(group[1])) do
        best = math.max(best, worth_of(group, frequency[1], math.max(frequency[2], length)))
    end
    return best
end

-- The greatest score of a text that adds `own` by the group `driver`, if there is one, and then has
-- at least this length in its column. No text has any of the `settled` groups.
local function bound_of(slots, settled, driver, own, length)
    local bound = own or 0
    for _, slot in ipairs(slots) do
        for _, group in ipairs(slot.groups) do
            if group ~= driver and not settled[group] then
                local is_same = driver and group.column == driver.column
                bound = bound + best_of(group, is_same and length or 0)
            end
        end
    end
    return bound
end
