-- The walk through one large group of an order.

-- @include lib/inner
-- @include lib/scores

-- Walk along the next order, or the ids, to find the members of one large group.
local function walk_group(search, position)
    local order, group = search.order, position.group
    local place = search.mark and search.mark.places[search.level]
    local has_mark = place and to_score(place.score) == to_score(group)
    local part = {kind = 'range', key = order.key, low = group, high = group}
    local inner = inner_search(search, part, has_mark)
    local step = position.inner or begin_inner(inner, order.reverse)
    local following = WALK[step.mode](inner, step)
    if following then
        return {mode = 'group', group = group, inner = following}
    end
    return after_group(search, rank_past(order, group), group)
end
