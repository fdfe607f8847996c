-- How a search goes about it: by which filter it finds candidates, and whether it walks or gathers.
--
-- All of it goes by the sizes of the filters, as if each were independent of the others.

-- @include lib/matches

local SPARSE = 16           -- rather gather one id of so many than walk through all
local LARGE = 100000        -- ids that the server hands over at once, if no script looks at them
local GATHER_GAIN = 2       -- looking at an id in a walk, against gathering sets
local COUNT_GAIN = 2.5      -- and where sets are only counted
local SET_WEIGHT = 0.25     -- of a set that another one is intersected with, against other probes
local MOST_WEIGHT = 4       -- times `small`: what is asked about all that is gathered

-- Where a search of some kind begins.
local BEGIN = {}

-- The part to find candidates by: the smallest. But what strings an id has, no row may tell, and
-- then all ids of a range of strings are gathered anyway; so such a range goes first.
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

-- Which share of all ids the filters have, `known` aside, if each were independent of the others.
local function share_of(search, known)
    local share = 1
    for index, part in ipairs(search.parts) do
        if index ~= known then
            share = share * math.min(1, part.size / math.max(search.model.span, 1))
        end
    end
    return share
end

-- How many of so many candidates have to be looked at until there are enough matches.
local function length_of_walk(search, candidates, known)
    return math.min(candidates, search.wanted / share_of(search, known))
end

-- The same of a walk from this position: along the order's index, a filter's, or all ids. Also says
-- which filter holds for all candidates.
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

-- Whether all ids of a part may be gathered in one call, and the other parts asked about them.
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

-- Where to begin without an order; and how far to walk before gathering all matches after all.
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
        return {mode = 'gather', part = driver}  -- a walk looks at as many as are wanted, at least
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
