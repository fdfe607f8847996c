-- Probing: finding the ids of a list that match a filter. The table KEEP of lib/filters.

-- @include lib/lists
-- @include lib/scores

local MOST_SCORES = 200    -- that are remembered

-- Loops over thousands of ids call no function for each, where they can do without.

function KEEP.set(_, node, ids)
    local is_member, kept, count = ask_each('SMISMEMBER', node.key, ids), {}, 0
    for position = 1, #ids do
        if is_member[position] == 1 then
            count = count + 1
            kept[count] = ids[position]
        end
    end
    return kept
end

local function open_exact()
    -- @include lib/exact
    return is_exactly_within
end

-- Many entries may have the same score, so the first scores are remembered, as texts.
function KEEP.range(model, node, ids)
    local scores, kept, count = ask_each('ZMSCORE', node.key, ids), {}, 0
    local lowest, highest, is_within, left = node.lowest, node.highest, {}, MOST_SCORES
    local is_exactly_within = node.exact and open_exact()
    for position = 1, #ids do
        local text = scores[position]
        local is_kept = is_within[text]
        if is_kept == nil then
            local score = text and to_score(text)
            is_kept = score and score >= lowest and score <= highest or false
            if left > 0 then
                is_within[text], left = is_kept, left - 1
            end
        end
        if is_kept and (not is_exactly_within
            or is_exactly_within(model, node, ids[position], to_score(text))) then
            count = count + 1
            kept[count] = ids[position]
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
