-- Collecting the ids of a filter by words: see lib/words.

-- @include lib/in_slots

local function smallest_slot(node)
    local smallest = node.slots[1]
    for _, slot in ipairs(node.slots) do
        smallest = slot.size < smallest.size and slot or smallest
    end
    return smallest
end

function COLLECT.words(_, node)
    local ids, is_all = {}, node.match == 'all'
    for _, slot in ipairs(is_all and {smallest_slot(node)} or node.slots) do
        for _, posting in ipairs(slot.postings) do
            append(ids, ask('ZRANGE', posting.key, 0, -1))
        end
    end
    return is_all and those_in_all(node, ids) or ids
end
