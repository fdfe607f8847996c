-- Find the entities for which a tree of filters holds, sorted or not, and read their rows. Writes
-- nothing.
--
-- Keys: those of the filters and of the order (sets, sorted sets); the bitmap of live ids and,
-- where there is none, the counter (strings); the rows (hashes).
--
-- Request: head, live, counter = what the rows' keys begin with; keys
--          where    = a node: see lib/filters
--          expiry   = index of when entities expire: those that have are left out; or none
--          orders   = list of {kind, key, reverse, tie, field, or_stored}: see lib/order; or none
--          mark     = {id, places}: only what comes after that; see lib/groups; or none. With a
--                     mark and no order, matches come in the order of ids
--          skip     = how many matches to leave out
--          need     = how many are wanted; absent: all
--          want     = 'rows', 'ids', 'count' or 'tally'
--          fields   = list of the columns to read of a row
--          tally    = {field, way, alone}: see lib/tally; `alone`: only what one call finds by
--                     itself is tallied, for the next ones might find the same ids
--          page     = at most so many rows come, or are tallied; of further matches, the ids
--          small    = a filter of so many ids may be gathered at once
--          unnumbered = the ids are no numbers: there is nothing to walk along, and sets of any
--                     size are gathered
--          budget   = after so many candidates the script ends, and says where to go on
--          chunk    = so many candidates are looked at first, more each time; absent: by `need`
--          position = where to go on: what an earlier reply said; absent: at the beginning
--          tell     = 'plan': what would be done, instead of doing it, see lib/plan; 'report': also
--                     what was done, see lib/report; or none
--
-- Reply:   'ok', where to go on ('' when all is done), how many were left out, how many matched,
--          list of ids, their rows, see lib/rows, list of ids whose key holds no row,
--          list of the ids of further matches; of all, when no rows are wanted.
--          Of a tally: no ids and, instead of the rows, the tally
--          'unsorted', ...     the same, of all matches: they are few, and the caller sorts them
--          'no order'          the order's index does not exist, and `or_stored` was said
--          'wrong type', key   this key holds something else
--          'too many ids', n   there is no bitmap, and no end of numbers up to n to try

-- @include lib/ask
-- @include lib/expiry if expiry
-- @include lib/ids
-- @include lib/rows
-- @include lib/walks

-- Most searches need little of what follows, and the server runs through all of a script each time
-- it is called: so only the parts come that the caller names.
-- @include lib/trees if trees
-- @include lib/strings if strings
-- @include lib/near if near
-- @include lib/order if orders
-- @include lib/tally if tally

local SPARSE = 16           -- rather gather one id of so many than walk through all
local MOST_GATHERED = 8     -- times `small`: more are never gathered, however few of all they are
local WALK_COST = 0.75      -- looking at an id in a walk, against doing so in a sort
local GATHER_GAIN = 2       -- the same, against gathering sets
local SMALLEST_CHUNK = 16
local LARGEST_FIRST_CHUNK = 1000
local MARGIN = 1.25         -- of the candidates that should be enough, so many are looked at first

local request = cmsgpack.unpack(ARGV[1])

-- What is told instead of the plain answer, by what `tell` says.
local STORY = {}

-- A part for what has not expired; none where the index says that all has not, as it usually does.
local function open_unexpired(model)
    local expired = {kind = 'range', key = request.expiry, low = '-inf', high = now()}
    if size_of(model, expired) > 0 then
        return {kind = 'not', node = expired, size = math.max(model.span - expired.size, 1)}
    end
end

local function open_search()
    local model = open_model(request.head, request.live, request.counter)
    model.unexpired = request.expiry and open_unexpired(model) or false
    local where = request.where
    local parts = where.kind == 'and' and where.nodes or where.kind == 'all' and {} or {where}
    local wanted = request.skip + (request.need or math.huge)
    local smallest = math.huge
    local is_one_collectable = false
    for _, part in ipairs(parts) do
        part.collectable = is_collectable(part)
        is_one_collectable = is_one_collectable or part.collectable
        smallest = math.min(smallest, size_of(model, part))
    end
    parts[#parts + 1] = model.unexpired or nil  -- the last: a position names parts by their place
    return {
        model = model,
        parts = parts,
        by_size = by_size(parts),
        smallest = smallest,
        collectable = is_one_collectable,
        orders = request.orders or {},
        level = 1,
        order = request.orders and request.orders[1],
        mark = request.mark,
        sink = new_sink(request.skip, request.need),
        only_count = request.want == 'count',
        any_order = request.want == 'count' or request.want == 'tally',
        small = request.small,
        large = request.budget,
        wanted = wanted,
        pace = {looked = 0},
        seen = {},
    }
end

-- The part to find candidates by: the smallest. But what strings an id has, no row may tell, and
-- then all ids of a range of strings are gathered anyway; so such a range goes first.
local function choose_driver(search)
    local strings, best
    for index, part in ipairs(search.parts) do
        if part.kind == 'lex' and not part.field then
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
    local order, part = search.order, position.mode == 'index' and search.parts[position.part]
    if order then
        return length_of_walk(search, order.stop - order.first, order.part), order.part
    elseif part then
        return length_of_walk(search, part.size, position.part), position.part
    end
    return length_of_walk(search, search.model.span)
end

-- How many candidates to look at first. Where nothing is probed, all that is looked at is wanted.
local function first_chunk(search, position)
    local chunk = search.wanted
    if #search.parts > 0 then
        local length, known = estimate(search, position)
        if not known or #search.parts > 1 then
            chunk = math.max(SMALLEST_CHUNK, math.min(2 * chunk, math.ceil(MARGIN * length)))
        end
    end
    return math.min(chunk, LARGEST_FIRST_CHUNK)
end

-- Where to begin without an order; and how far to walk before gathering all matches after all.
local function begin_unsorted(search)
    local driver = search.driver
    local part = driver and search.parts[driver]
    local along_ids = {mode = 'ids', from = search.mark and search.mark.id}
    if not part then
        return along_ids
    elseif (part.kind == 'range' or part.kind == 'lex') and not search.mark then
        return {mode = 'index', part = driver}
    elseif request.unnumbered then
        return {mode = 'gather', part = driver}
    end
    local is_small = part.size <= search.small
    if is_small and part.size <= search.wanted * GATHER_GAIN then
        return {mode = 'gather', part = driver}  -- a walk looks at as many as are wanted, at least
    end
    local span = search.model.span
    local is_sparse = part.size * SPARSE < span and part.size < search.small * MOST_GATHERED
    if not is_small and not is_sparse then
        return along_ids
    elseif length_of_walk(search, span) * GATHER_GAIN < part.size then
        return along_ids, part.size
    end
    return {mode = 'gather', part = driver}
end

-- Where to begin with an order; and how far to walk before sorting all matches after all.
local function begin_sorted(search, strings)
    local order, driver = search.order, search.driver
    local part = driver and search.parts[driver]
    if not part or order.part and #search.parts == 1 then
        return begin_order(search)
    elseif strings and order.part ~= driver then
        return {mode = 'sort', part = driver}
    elseif part.size > search.small then
        return begin_order(search)
    elseif length_of_walk(search, order.stop - order.first, order.part) * WALK_COST < part.size then
        return begin_order(search), 2 * part.size
    end
    return {mode = 'sort', part = driver}
end

-- A count that needs no look at single ids, but for those that have expired.
local function count_at_once(search)
    local model, part = search.model, search.parts[1]
    local expired = model.unexpired and model.unexpired.node
    local filters = #search.parts - (expired and 1 or 0)
    if filters == 0 then
        return model.bytes and model.span - (expired and expired.size or 0)
    end
    local is_plain = part.kind == 'set'
        or part.kind == 'range' and not part.exact
        or part.kind == 'lex' and part.field and part.plain
    if filters > 1 or not is_plain or expired and expired.size > search.small then
        return false
    end
    return part.size - (expired and #keep(model, part, COLLECT.range(model, expired)) or 0)
end

-- Where a later call goes on: without what only holds now.
local function write_position(position)
    if not position then
        return ''
    end
    local step = position
    while step do
        step.rank, step = nil, step.inner
    end
    if position.member then
        position.score = ask('ZSCORE', position.key, position.member)
    end
    return cmsgpack.pack(position)
end

local function split(ids, page)
    if #ids <= page then
        return ids, {}
    end
    local first, further = {}, {}
    for position, id in ipairs(ids) do
        if position <= page then
            first[position] = id
        else
            further[#further + 1] = id
        end
    end
    return first, further
end

local function reply(status, search, position)
    local sink = search.sink
    local ids, rows, unreadable, further = {}, '', {}, sink.ids
    if request.want == 'rows' then
        ids, further = split(sink.ids, request.page)
        ids, rows, unreadable = read_rows(request.head, request.fields, ids)
    elseif request.want == 'tally' then
        local is_part = request.tally.alone and (position or request.position)
        ids, further = split(sink.ids, is_part and 0 or request.page)
        rows, unreadable = tally_ids(request.head, request.tally, ids)
        ids = {}
    end
    return {
        status, write_position(position), write_id(sink.skipped), write_id(sink.count),
        ids, rows, unreadable, further,
    }
end

-- All matches, in any order, for a caller that sorts strings by what the rows hold, and leaves out
-- what comes before the mark.
local function reply_unsorted(search)
    search.sink, search.mark = new_sink(0, nil), false
    WALK.gather(search, {part = search.driver})
    return reply('unsorted', search, nil)
end

-- All matches are found at once.
local function reply_gathered(search)
    local order = search.order
    search.seen = {}
    if order and order.kind == 'text' then
        return reply_unsorted(search)
    end
    search.sink = new_sink(request.skip, request.need)
    WALK[order and 'sort' or 'gather'](search, {part = search.driver})
    return reply('ok', search, nil)
end

-- Walk on until there are enough matches, or none are left, or it takes too long. What was only
-- tried, and took longer than `patience`, is given up.
local function walk(search, position, patience)
    local sink = search.sink
    local part = search.parts[position.part]
    search.pace.chunk = request.chunk or first_chunk(search, position)
    local must_finish = part and part.kind == 'lex' and not part.field and request.skip > 0
    while position and not is_full(sink) do
        if patience and search.pace.looked >= patience then
            return reply_gathered(search)
        elseif not patience and search.pace.looked >= request.budget and not must_finish then
            return reply('ok', search, position)
        end
        position = WALK[position.mode](search, position)
    end
    return reply('ok', search, nil)
end

local function begin(search, strings)
    if request.position then
        return cmsgpack.unpack(request.position)
    elseif search.order then
        return begin_sorted(search, strings)
    end
    return BEGIN.near and not search.mark and BEGIN.near(search) or begin_unsorted(search)
end

-- Whether the indexes exist without which the caller had better sort.
local function has_its_orders()
    for _, order in ipairs(request.orders or {}) do
        if order.or_stored and redis.call('EXISTS', order.key) == 0 then
            return false
        end
    end
    return true
end

-- How many match, where that is known without a look at any id.
local function known_at_once(search)
    if search.smallest == 0 then
        return 0
    end
    return search.only_count and not request.position and count_at_once(search)
end

-- Where to begin, and with what patience.
local function decide(search)
    local strings
    search.driver, strings = choose_driver(search)
    if search.order then
        bound_order(search)
    end
    return begin(search, strings)
end

local function story()
    if not has_its_orders() then
        return {'no order'}
    end
    local search = open_search()
    local known = known_at_once(search)
    if known then
        search.sink.count = known
        return reply('ok', search, nil)
    end
    local position, patience = decide(search)
    if position.mode == 'sort' or position.mode == 'gather' then
        return reply_gathered(search)
    end
    return walk(search, position, patience)
end

-- @include lib/plan if plan
-- @include lib/report if report

return tell(STORY[request.tell] or story)
