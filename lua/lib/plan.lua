-- What a search would do: told, and not done. For lua/search.lua.
--
-- Reply: 'plan', a packed map; or those of the search that say why there is none:
--
-- filters  list of kind, size; kind, size...: of each filter of the request, how many ids it has at
--          most. One made of others comes before these
-- entities how many ids there are; or may be, where there is no bitmap
-- expired  how many of these have expired
-- mode     how it begins: along 'ids', along the 'index' of a filter, along the 'order', the places
--          'near' in the order of distance; all matches: 'gather', 'sort'; or no id is looked at:
--          'known', and `count` is the answer; or the caller does it in 'parts'
-- part     which filter gives the candidates, by its place among all that must hold, from 1 on
-- driver   the same, of the filter by which all matches would be gathered; absent: none can
-- matches  an estimate: how many match, if each filter were independent of the others
-- walk     an estimate: how many candidates a walk would look at
-- gather   how many candidates there are, where all matches are gathered
-- patience after so many candidates, the walk is given up for that; absent: it is not
-- order    {size, first, stop, part}: members of the order's index; the ranks that are walked, and
--          the filter that says so

local function rounded(number)
    return math.floor(number + 0.5)
end

local function add_sizes(sizes, node)
    sizes[#sizes + 1] = node.kind
    sizes[#sizes + 1] = node.size
    for _, inner in ipairs(node.nodes or {node.node}) do
        add_sizes(sizes, inner)
    end
end

local function add_way(plan, search)
    if plan.count then
        return
    end
    local position, patience = decide(search)
    local order, driver = search.order, search.parts[search.driver]
    plan.mode, plan.part, plan.driver = position.mode, position.part, search.driver
    plan.walk = rounded((estimate(search, position)))
    plan.gather = driver and driver.size
    plan.patience = patience
    plan.order = order and {
        size = order.size, first = order.first, stop = order.stop, part = order.part,
    }
end

function STORY.plan()
    if request.orders and not exist(request.orders) then
        return {'no order'}
    end
    local search = open_search()
    local model, known = search.model, known_at_once(search)
    local plan = {
        filters = {},
        entities = model.span,
        expired = model.unexpired and model.unexpired.node.size or nil,
        mode = 'known',
        count = known or nil,
        matches = known or rounded(model.span * share_of(search)),
    }
    for _, part in ipairs(search.parts) do
        if part ~= model.unexpired then
            add_sizes(plan.filters, part)
        end
    end
    local is_whole, problem = pcall(add_way, plan, search)
    if not is_whole and type(problem) == 'table' and problem.status == 'in parts' then
        plan.mode = 'parts'
    elseif not is_whole then
        error(problem)
    end
    return {'plan', cmsgpack.pack(plan)}
end
