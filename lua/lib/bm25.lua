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

-- @include lib/lengths

local K1, B = 1.2, 0.75
local LENGTHS = 134217728    -- a posting's score is tf * LENGTHS + LENGTHS - 1 - length

-- A column: `weight`, divided by the scale of a ranking; `texts`, the number of its texts; and
-- `slope`, the factor of a length in the denominator. The last two are those of the whole model,
-- which the request has if there are partitions.
local function open_column(column, scale)
    local head, weight, texts, total = unpack(column)
    local limit
    if not texts then
        texts, total, limit = lengths_of(head)
    end
    local slope = K1 * B * texts / math.max(total, 1)
    return {head = head, texts = texts, weight = weight / scale, slope = slope, limit = limit}
end

-- A number that no length of the texts of a column reaches.
local function limit_of(column)
    if not column.limit then
        column.limit = select(3, lengths_of(column.head))
    end
    return column.limit
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
-- `size`, the greatest number of its texts; `most`, the number of texts in the whole model with its
-- most frequent word; and a `name`.
local function groups_of(slot, columns, order)
    local found, groups = {}, {}
    for _, posting in ipairs(slot.postings) do
        local column = posting.column
        local group = found[column] or {slot = slot, column = column, size = 0}
        found[column] = group
        group[#group + 1] = posting
        group.size, group.most = group.size + posting.size, slot.most[column]
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
