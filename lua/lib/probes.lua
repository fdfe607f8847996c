-- Probing: finding the ids of a list that match a filter. The table KEEP of lib/filters.

-- @include lib/lists
-- @include lib/scores

function KEEP.set(_, node, ids)
    local is_member = ask_each('SMISMEMBER', node.key, ids)
    return those(ids, function(_, position) return is_member[position] == 1 end)
end

local function open_exact()
    -- @include lib/exact
    return is_exactly_within
end

function KEEP.range(model, node, ids)
    local scores, kept, count = ask_each('ZMSCORE', node.key, ids), {}, 0
    local lowest, highest = node.lowest, node.highest
    local is_exactly_within = node.exact and open_exact()
    for position, id in ipairs(ids) do
        local score = scores[position] and to_score(scores[position])
        if score and score >= lowest and score <= highest
            and (not is_exactly_within or is_exactly_within(model, node, id, score)) then
            count = count + 1
            kept[count] = id
        end
    end
    return kept
end

-- A walk yields only ids of the bitmap, so all match. Without a bitmap, the rows are looked up.
function KEEP.all(model, _, ids)
    if model.bytes then
        return ids
    end
    return those(ids, function(id) return redis.call('EXISTS', model.head .. id) == 1 end)
end
