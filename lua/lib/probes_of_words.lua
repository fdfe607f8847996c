-- Probing a filter by words: see lib/words.

-- @include lib/in_slots

function KEEP.words(_, node, ids)
    if node.match == 'all' then
        return those_in_all(node, ids)
    end
    local is_in, rest = {}, ids
    for _, slot in ipairs(node.slots) do
        rest = mark_slot(slot, rest, is_in)
    end
    return those(ids, function(id) return is_in[id] end)
end
