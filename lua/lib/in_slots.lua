-- The ids that slots have: see lib/words.

-- @include lib/lists

-- Mark the ids that a slot has, among some, as true in `is_in`; return the others.
local function mark_slot(slot, ids, is_in)
    for _, posting in ipairs(slot.postings) do
        local scores = ask_each('ZMSCORE', posting.key, ids)
        ids = those(ids, function(id, position)
            is_in[id] = is_in[id] or scores[position] and true
            return not scores[position]
        end)
    end
    return ids
end

-- Those of some ids that all slots of a node have.
local function those_in_all(node, ids)
    for _, slot in ipairs(node.slots) do
        local is_in = {}
        mark_slot(slot, ids, is_in)
        ids = those(ids, function(id) return is_in[id] end)
    end
    return ids
end
