-- Matches sorted by an order's scores, all at once. For few matches, that is faster than a walk.

-- @include lib/groups
-- @include lib/walks

-- Of entries {id, score}, the first `wanted` by score, and all that share the last one's.
local function cut(entries, wanted, reverse)
    if wanted >= #entries then
        return entries
    end
    local scores = {}
    for position, entry in ipairs(entries) do
        scores[position] = entry.score
    end
    table.sort(scores)
    local limit = reverse and scores[#scores - wanted + 1] or scores[wanted]
    return those(entries, function(entry)
        if reverse then
            return entry.score >= limit
        end
        return entry.score <= limit
    end)
end

-- All matches, gathered and sorted by score.
function WALK.sort(search, position)
    local order, sink = search.order, search.sink
    local ids = gather(search, position.part)
    local scores = ask_each('ZMSCORE', order.key, ids)
    local entries, without = {}, {}
    for index, id in ipairs(ids) do
        if scores[index] then
            entries[#entries + 1] = {id = id, score = to_score(scores[index])}
        else
            without[#without + 1] = id
        end
    end
    entries = cut(entries, sink.skip + sink.need, order.reverse)
    table.sort(entries, function(a, b) return a.score < b.score end)
    local found = {ids = {}, groups = {}}
    for index, entry in ipairs(entries) do
        found.ids[index], found.groups[index] = entry.id, entry.score
    end
    pour(sink, sorted_by_groups(search, found))
    pour(sink, sorted_ids(without))
end
