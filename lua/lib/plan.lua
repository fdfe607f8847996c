-- The plan of a search, which is not carried out. For lua/search.lua.
--
-- Reply: 'plan', a packed map; or a reply of the search that says why it has no plan:
--
-- filters  list of kind, size; kind, size...: the greatest number of ids of each filter of the
--          request. A filter made of others comes before them
-- entities the number of ids; without a bitmap, the greatest possible number
-- expired  the number of these that have expired
-- mode     the beginning: a walk along 'ids', along the 'index' of a filter or along the 'order';
--          'near', the places by distance; all matches: 'gather' or 'sort'; 'known': no id is
--          looked up, and `count` is the answer; 'parts': the caller searches filter by filter
-- part     the filter that gives the candidates: its place among all parts, counted from 1
-- driver   the same for the filter by which all matches would be gathered; absent: no filter can
-- matches  estimated number of matches, if the filters were independent of each other
-- walk     estimated number of candidates of a walk
-- gather   the number of candidates if all matches are gathered
-- patience the number of candidates after which a walk is given up to gather; absent: never
-- order    {size, first, stop, part}: the size of the order's index, the ranks that are walked, and
--          the filter that bounds them

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
