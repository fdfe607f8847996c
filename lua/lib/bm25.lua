-- BM25: how much a word adds to the score of a text.
--
--     weight * idf * (K1 + 1) * tf / (tf + K1 * (1 - B + B * length / average length))
--
-- `tf` is the frequency of the word in the text. The postings of a word are sorted by tf, and those
-- with one tf by length, the shortest first: see rom/_core/indexing/rank_index.py. So within one tf
-- the scores fall along the postings. So do those of the other words: a text has one length.
--
-- Where a word stands for several, these count as one: their frequencies are added, each times its
-- closeness, and the idf is that of the most frequent one.

local K1, B = 1.2, 0.75
local LENGTHS = 134217728    -- a posting's score is tf * LENGTHS + LENGTHS - 1 - length
local DIGITS = 27            -- in the binary form of a length
local MOST_FREQUENCIES = 16  -- that are told apart

local function open_column(column)
    local head = column[1]
    local texts, total = ask('SCARD', head .. 'all:len'), 0
    for digit = 0, DIGITS - 1 do
        total = total + ask('SCARD', head .. digit .. ':len') * 2 ^ digit
    end
    return {texts = texts, weight = column[2], slope = K1 * B * texts / math.max(total, 1)}
end

-- The score of a frequency and a length in a group.
local function worth_of(group, tf, length)
    return group.factor * tf / (tf + K1 * (1 - B) + group.slope * length)
end

local function unpack_posting(packed)
    local lacking = packed % LENGTHS
    return (packed - lacking) / LENGTHS, LENGTHS - 1 - lacking
end

-- Read all postings of a group, and add the frequencies of each text.
local function merge(group)
    local tf_of, length_of, ids = {}, {}, {}
    for _, posting in ipairs(group) do
        local flat = ask('ZRANGE', posting.key, 0, -1, 'WITHSCORES')
        spend(#flat)
        for place = 1, #flat, 2 do
            local id, tf, length = flat[place], unpack_posting(tonumber(flat[place + 1]))
            if not tf_of[id] then
                ids[#ids + 1] = id
            end
            tf_of[id] = (tf_of[id] or 0) + tf * posting.closeness
            length_of[id] = length
        end
    end
    group.tf_of, group.length_of, group.ids, group.best = tf_of, length_of, ids, 0
    for id, tf in pairs(tf_of) do
        group.best = math.max(group.best, worth_of(group, tf, length_of[id]))
    end
end

-- Return the groups of a slot: its postings in each column. Several postings are merged.
local function groups_of(slot, columns)
    local groups, group = {}, nil
    for _, posting in ipairs(slot.postings) do
        if not group or group.column ~= posting.column then
            group = {column = posting.column, most = 0}
            groups[#groups + 1] = group
        end
        group[#group + 1] = posting
        group.most = math.max(group.most, posting.size)
    end
    for _, one in ipairs(groups) do
        local column = columns[one.column]
        local texts = math.max(column.texts, one.most)
        local idf = math.log(1 + (texts - one.most + 0.5) / (one.most + 0.5))
        one.factor, one.slope = column.weight * slot.times * idf * (K1 + 1), column.slope
        if #one > 1 then
            merge(one)
        end
    end
    return groups
end

-- The different frequencies of a word, each with the shortest length; the last one stands for all
-- lower ones.
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
        found[#found + 1] = {tf, is_last and 1 or length}
        rank = is_last and posting.size
            or ask('ZCOUNT', posting.key, string.format('%.0f', tf * LENGTHS), '+inf')
    end
    posting.frequencies = found
    return found
end

-- The greatest score of a group among texts of at least this length.
local function best_of(group, length)
    if group.ids then
        return group.best
    end
    local best = 0
    for _, frequency in ipairs(frequencies_of(group[1])) do
        best = math.max(best, worth_of(group, frequency[1], math.max(frequency[2], length)))
    end
    return best
end

-- The greatest score of a text that adds at most `own` by the group `driver`, and has at least this
-- length in its column. `settled` slots are those whose texts have all been looked at.
local function bound_of(slots, driver, own, length, settled)
    local bound = own
    for _, slot in ipairs(slots) do
        for _, group in ipairs(settled[slot] and {} or slot.groups) do
            if group ~= driver then
                bound = bound + best_of(group, group.column == driver.column and length or 0)
            end
        end
    end
    return bound
end
