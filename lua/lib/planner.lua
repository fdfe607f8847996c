-- The planner: chooses the filter that gives the candidates, and whether to walk or to gather.
--
-- It decides by the sizes of the filters, as if they were independent of each other.

-- @include lib/matches

local SPARSE = 16           -- gather if a filter has less than one id in this number; else walk
local LARGE = 100000        -- ids that Redis returns at once, if no script looks at them
local GATHER_GAIN = 2       -- looking at an id in a walk, against gathering sets
local COUNT_GAIN = 2.5      -- and where sets are only counted
local SET_WEIGHT = 0.25     -- of a set that another one is intersected with, against other probes
local MOST_WEIGHT = 4       -- times `small`: the most probes for all gathered ids

-- Positions to begin at, by the kind of search.
local BEGIN = {}

-- The driver: the part that gives the candidates. It is the smallest, unless a range of strings
-- cannot be probed by rows: its ids must all be gathered anyway, so it goes first.
local function choose_driver(search)
    local strings, best
    for index, part in ipairs(search.parts) do
        if part.kind == 'given' then
            return index
        elseif part.kind == 'lex' and not part.field then
            if not strings or part.size > search.parts[strings].size then
                strings = index
            end
        elseif part.collectable and not (best and search.parts[best].size <= part.size) then
            best = index
        end
    end
    return strings or best, strings
end

-- The share of all ids that match the filters except `known`, if these were independent.
local function share_of(search, known)
    local share = 1
    for index, part in ipairs(search.parts) do
        if index ~= known then
            share = share * math.min(1, part.size / math.max(search.model.span, 1))
        end
    end
    return share
end

-- The estimated number of candidates until there are enough matches.
local function length_of_walk(search, candidates, known)
    return math.min(candidates, search.wanted / share_of(search, known))
end

-- The same for a walk from this position: along the order's index, a filter's, or all ids. Also
-- returns the filter that matches all candidates.
local function estimate(search, position)
    local order, mode = search.order, position.mode
    local part = (mode == 'index' or mode == 'ids') and search.parts[position.part]
    if order then
        return length_of_walk(search, order.stop - order.first, order.part), order.part
    elseif part then
        return length_of_walk(search, part.size, position.part), position.part
    end
    return length_of_walk(search, search.model.span)
end

-- Tell whether one call may gather all ids of a part, and probe the other parts.
local function may_gather(search, part)
    local weight, is_count = 1, search.want == 'count' and part.kind == 'set'
    for _, other in ipairs(search.parts) do
        if other ~= part then
            local is_cheap = part.kind == 'set' and other.kind == 'set'
            weight = weight + (is_cheap and SET_WEIGHT or weight_of(other))
            is_count = is_count and is_cheap
        end
    end
    local most = search.small * (is_count and COUNT_GAIN or 1)
    return part.size <= most and part.size * weight <= most * MOST_WEIGHT
end

-- The position to begin at without an order, and the patience: the number of candidates after which
-- the walk is given up to gather all matches.
local function begin_unsorted(search)
    local driver = search.driver
    local part = driver and search.parts[driver]
    local is_by_id = search.mark or search.direction
    local along_ids = {
        mode = 'ids', reverse = search.direction == 'down', from = search.mark and search.mark.id,
    }
    if not part then
        return along_ids
    elseif part.kind == 'between' then
        along_ids.part = driver
        return along_ids
    elseif (part.kind == 'range' or part.kind == 'lex') and not is_by_id then
        return {mode = 'index', part = driver}
    end
    local is_listed = part.kind == 'given' or part.kind == 'ids' or part.kind == 'unique'
    local is_small = is_listed or may_gather(search, part)
    if is_small and (search.unnumbered or part.size <= search.wanted * GATHER_GAIN) then
        return {mode = 'gather', part = driver}  -- a walk would look at no fewer ids
    elseif search.unnumbered then
        refuse_whole()
    end
    local span = search.model.span
    local weight = part.kind == 'or' and weight_of(part) or 1
    if length_of_walk(search, span) * GATHER_GAIN * weight < part.size then
        return along_ids, is_small and part.size or nil
    elseif is_small then
        return {mode = 'gather', part = driver}
    elseif part.kind == 'or' and part.size <= LARGE * weight
        or part.size <= LARGE and (part.kind == 'set' or part.size * SPARSE < span) then
        refuse_whole()
    end
    return along_ids
end
