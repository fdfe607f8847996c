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
local COMMON_DIGITS = 8      -- in that of the lengths of most columns

-- The number of binary digits that lengths may have: one command for those that are seldom there.
local function digits_of(head)
    local keys = {}
    for digit = COMMON_DIGITS, DIGITS - 1 do
        keys[#keys + 1] = head .. digit .. ':len'
    end
    return ask('EXISTS', unpack(keys)) > 0 and DIGITS or COMMON_DIGITS
end

-- A column: `texts`, the number of its texts, all shorter than `limit`; and `slope`, the factor of
-- a length in the denominator.
local function open_column(column)
    local head, total, limit = column[1], 0, 1
    local texts = ask('SCARD', head .. 'all:len')
    for digit = 0, digits_of(head) - 1 do
        local size = ask('SCARD', head .. digit .. ':len')
        total = total + size * 2 ^ digit
        limit = size > 0 and 2 ^ (digit + 1) or limit
    end
    local slope = K1 * B * texts / math.max(total, 1)
    return {texts = texts, weight = column[2], slope = slope, limit = limit}
end

-- The number of texts that have any of some columns, or a little less.
local function texts_in(columns)
    local texts = 1
    for _, column in ipairs(columns) do
        texts = math.max(texts, column.texts)
    end
    return texts
end

-- The score of a frequency and a length in a group.
local function worth_of(group, tf, length)
    return group.factor * tf / (tf + K1 * (1 - B) + group.slope * length)
end

local function unpack_posting(packed)
    local lacking = packed % LENGTHS
    return (packed - lacking) / LENGTHS, LENGTHS - 1 - lacking
end

-- Return the groups of a slot: its postings in each column, in an order of the columns. A group has
-- `size`, the greatest number of its texts; `most`, that of one posting; and a `name`.
local function groups_of(slot, columns, order)
    local found, groups = {}, {}
    for _, posting in ipairs(slot.postings) do
        local column = posting.column
        local group = found[column] or {slot = slot, column = column, size = 0, most = 0}
        found[column] = group
        group[#group + 1] = posting
        group.size, group.most = group.size + posting.size, math.max(group.most, posting.size)
    end
    for _, place in ipairs(order) do
        local group, column = found[place], columns[place]
        if group then
            groups[#groups + 1] = group
            group.name = slot.place .. ':' .. place
            local texts = math.max(column.texts, group.most)
            local idf = math.log(1 + (texts - group.most + 0.5) / (group.most + 0.5))
            group.factor, group.slope = column.weight * slot.times * idf * (K1 + 1), column.slope
        end
    end
    return groups
end
