-- The kind `words` of lib/filters: the texts that have all of some words, or any of them.
--
-- kind    fields                                         ids
-- words   match, columns, terms                         of the texts with all of the words, or any
--
-- match    'all' or 'any'
-- columns  list of {head of the keys of postings, weight}; a word may be in any of the columns
-- terms    list of {times in the search, {the word in each column}, {prefix, edits}}
--
-- In a partition, the search has the counts of the whole model: see lua/count_words.lua. A column
-- then also has the number of its texts and the sum of their lengths. A term has, for each column,
-- a list of {word, closeness, number of texts}: the words that it stands for.
--
-- A term makes a slot: {times, size, postings = list of {key, size, column, closeness}}. It has
-- several postings where a word is looked for in several columns, or stands for several words. The
-- position of a call has these words as `meant`. In the whole model, they have `texts` texts in
-- all, and the most frequent one in each column has `most`.

-- @include lib/filters
-- @include lib/lists

COLLECTABLE.words = true

-- The words that a word of a search stands for, each with its closeness, from 0 to 1.
local function words_meant(column, asked, manner)
    if not manner.prefix and manner.edits == 0 then
        return {{asked, 1}}
    end
    -- @include lib/similar_words
    local words, effort = similar_words(column[1], asked, manner)
    spend(effort)
    return words
end

local function open_slot(node, term)
    local slot = {times = term[1], postings = {}, size = 0, meant = {}, texts = 0, most = {}}
    local known = term[4] or node.meant and node.meant[#node.slots + 1]
    for place, column in ipairs(node.columns) do
        slot.most[place] = 0
        slot.meant[place] = known and known[place] or words_meant(column, term[2][place], term[3])
        for _, meant in ipairs(slot.meant[place]) do
            local key = column[1] .. meant[1] .. ':tf'
            local size = ask('ZCARD', key)
            local texts = meant[3] or size
            slot.texts, slot.most[place] = slot.texts + texts, math.max(slot.most[place], texts)
            if size > 0 then
                slot.postings[#slot.postings + 1] = {
                    key = key, size = size, column = place, closeness = meant[2],
                }
                slot.size = slot.size + size
            end
        end
    end
    return slot
end

-- If one word in one column decides, the filter is the range of all its postings.
local function as_range(model, node)
    local slot = node.slots[1]
    if #node.slots > 1 or #slot.postings ~= 1 then
        return false
    end
    node.kind, node.key, node.low, node.high = 'range', slot.postings[1].key, '-inf', '+inf'
    return size_of(model, node)
end

function SIZE.words(model, node)
    node.slots, node.weight = {}, 0
    node.meant = model.position and model.position.meant
    local smallest, total = math.huge, 0
    for _, term in ipairs(node.terms) do
        local slot = open_slot(node, term)
        node.slots[#node.slots + 1] = slot
        node.weight = node.weight + math.max(#slot.postings, 1)
        smallest, total = math.min(smallest, slot.size), total + slot.size
    end
    return as_range(model, node) or (node.match == 'all' and smallest or total)
end
