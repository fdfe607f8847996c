-- The walk through the ids that an order's index lacks.

-- @include lib/gathering
-- @include lib/groups
-- @include lib/inner
-- @include lib/lists

-- The kind `lacking` of lib/filters: the ids that an order's index lacks.
function SIZE.lacking(model)
    return model.span
end

function KEEP.lacking(model, node, ids)
    local order = node.order
    if order.kind == 'text' then
        return those(ids, function(id)
            return not text_in_order(model, order, id)
        end)
    end
    local scores = ask_each('ZMSCORE', order.key, ids)
    return those(ids, function(_, position) return not scores[position] end)
end

-- Walk along the next order, or the ids, to find matches without a value in the order's index. If
-- they come first, the walk along the index follows.
local function walk_tail(search, position)
    local driver, is_first = search.driver, search.order.absent_first
    local past = is_first and {mode = 'order'} or nil
    if is_first and not has_tail(search) then
        return past
    end
    local has_mark = search.mark and not search.mark.places[search.level]
    local part = {kind = 'lacking', order = search.order}
    local inner = inner_search(search, part, has_mark)
    if driver and not position.inner and search.parts[driver].size <= search.small then
        local ids = KEEP.lacking(search.model, part, gather(search, driver))
        pour(search.sink, sorted_beyond(search, search.level, ids, inner.mark, is_first))
        return past
    end
    local step = position.inner or begin_inner(inner, is_first)
    local following = WALK[step.mode](inner, step)
    return following and {mode = 'tail', inner = following} or past
end
