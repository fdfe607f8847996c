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
--          mark     = {id, places}: only what comes after that; see lib/groups; or none
--          direction = 'up' or 'down': of the ids, where no order tells two matches apart; absent:
--                     that of the last order. With it or a mark, and without an order, matches
--                     come in the order of ids
--          skip     = how many matches to leave out
--          need     = how many are wanted; absent: all
--          want     = 'rows', 'ids', 'count' or 'tally'
--          fields   = list of the columns to read of a row
--          tally    = {field, way, alone}: see lib/tally; `alone`: only what one call finds by
--                     itself is tallied, for the next ones might find the same ids
--          bytes    = at most so many bytes of rows come; absent: what lib/rows says
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
--          'in parts'          it would hold the server for too long: see
--                              rom/_core/ops/search/split_search.py
--          'wrong type', key   this key holds something else
--          'too many ids', n   there is no bitmap, and no end of numbers up to n to try

-- @include lib/ask
-- @include lib/model
-- @include lib/matches
-- @include lib/planner

-- Most searches need little of what follows, and the server runs through all of a script each time
-- it is called: so only the parts come that the caller names. What only the server can tell to be
-- needed is made when it is: see lib/rooms.
-- @include lib/trees if trees
-- @include lib/unexpired if expiry
-- @include lib/strings if strings
-- @include lib/given if given
-- @include lib/near if near
-- @include lib/by_ids if ids
-- @include lib/sorting if orders
-- @include lib/tally if tally

local request = cmsgpack.unpack(ARGV[1])
EFFORT.known = request.small

-- What is told instead of the plain answer, by what `tell` says.
local STORY = {}

-- Whoever tells what was done puts something in the place of this.
local function take_step(step, search, position)
    return step(search, position)
end

local function open_search()
    local model = open_model(request.head, request.live, request.counter)
    model.absent = request.absent or {}
    model.unexpired = request.expiry and open_unexpired(model, request.expiry) or false
    local where = request.where
    local parts = where.kind == 'and' and where.nodes or where.kind == 'all' and {} or {where}
    local smallest = math.huge
    local is_one_collectable = false
    local is_by_distance = #parts == 1 and parts[1].kind == 'near'
        and not request.orders and not request.mark and not request.direction
    if is_by_distance and request.need then
        parts[1].enough = request.skip + request.need
    end
    for _, part in ipairs(parts) do
        part.collectable = is_collectable(part)
        is_one_collectable = is_one_collectable or part.collectable
        smallest = math.min(smallest, size_of(model, part))
    end
    parts[#parts + 1] = model.unexpired or nil  -- the last: a position names parts by their place
    local search = {
        model = model,
        parts = parts,
        smallest = smallest,
        collectable = is_one_collectable,
        level = 1,
        order = request.orders and request.orders[1],
        wanted = request.skip + (request.need or math.huge),
        pace = {looked = 0},
        seen = {},
    }
    return setmetatable(search, {__index = request})
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
        or part.kind == 'between' and model.bytes
    if filters > 1 or not is_plain or expired and expired.size > search.small then
        return false
    end
    return part.size - (expired and #keep(model, part, COLLECT.range(model, expired)) or 0)
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

local function open_rows()
    -- @include lib/rows
    return read_rows
end

-- `position` is where a later call goes on, as that is told; none when all is done.
local function reply(status, search, position)
    local sink = search.sink
    local ids, rows, unreadable, further, rest = {}, '', {}, sink.ids, {}
    if request.want == 'rows' then
        -- What has looked long for its matches leaves more of their rows to another call.
        local page = is_spent() and math.ceil(request.page / 4) or request.page
        ids, further = split(sink.ids, page)
        local read_rows = open_rows()
        ids, rows, unreadable, rest = read_rows(request.head, request.fields, ids, request.bytes)
    elseif request.want == 'tally' then
        local is_part = request.tally.alone and (position or request.position)
        ids, further = split(sink.ids, is_part and 0 or request.page)
        rows, unreadable, rest = tally_ids(request.head, request.tally, ids)
        ids = {}
    end
    for _, id in ipairs(rest[1] and further or {}) do
        rest[#rest + 1] = id
    end
    return {
        status, position or '', write_id(sink.skipped), write_id(sink.count),
        ids, rows, unreadable, rest[1] and rest or further,
    }
end

local AT_ONCE
AT_ONCE = filled_when_asked(function()
    -- @include lib/at_once
    -- @include lib/sort if orders
end)

-- All matches are found at once. Few strings are for the caller to sort, who knows what the rows
-- hold, and to leave out what comes before the mark.
local function reply_at_once(search, position)
    local order = search.order
    local is_unsorted = order and order.kind == 'text'
    search.seen = {}
    if is_unsorted then
        position.mode, search.sink, search.mark = 'gather', new_sink({skip = 0}), false
    else
        search.sink = new_sink(request)
    end
    take_step(AT_ONCE[position.mode], search, position)
    return reply(is_unsorted and 'unsorted' or 'ok', search)
end

local function open_walks()
    -- @include lib/walks
    -- @include lib/order if orders
    return WALK, first_chunk, write_position
end

-- Walk on until there are enough matches, or none are left, or it takes too long. What was only
-- tried, and took longer than `patience`, is given up.
local function walk(search, position, patience)
    local WALK, first_chunk, write_position = open_walks()
    local sink, pace = new_sink(request), search.pace
    local part = search.parts[position.part]
    local must_finish = part and part.kind == 'lex' and not part.field and request.skip > 0
    search.sink, pace.chunk = sink, request.chunk or first_chunk(search, position)
    while position and not is_full(sink) do
        if patience and (pace.looked >= patience or is_spent()) then
            local mode = search.order and 'sort' or 'gather'
            return reply_at_once(search, {mode = mode, part = search.driver})
        end
        local is_over = is_spent() or (not patience and pace.looked >= request.budget)
        if is_over and not must_finish then
            return reply('ok', search, write_position(position))
        end
        position = take_step(WALK[position.mode], search, position)
    end
    return reply('ok', search)
end

local function begin(search, strings)
    if request.position then
        return cmsgpack.unpack(request.position)
    elseif search.order then
        return begin_sorted(search, strings)
    end
    local is_by_id = search.mark or search.direction
    return BEGIN.near and not is_by_id and BEGIN.near(search) or begin_unsorted(search)
end

-- How many match, where that is known without a look at any id.
local function known_at_once(search)
    if search.smallest == 0 then
        return 0
    end
    return request.want == 'count' and not request.position and count_at_once(search)
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
    if request.orders and not exist(request.orders) then
        return {'no order'}
    end
    local search = open_search()
    local known = known_at_once(search)
    if known then
        search.sink = new_sink({skip = 0})
        search.sink.count = known
        return reply('ok', search)
    end
    local position, patience = decide(search)
    if position.mode == 'gather' or position.mode == 'sort' or position.mode == 'near' then
        return reply_at_once(search, position)
    end
    return walk(search, position, patience)
end

-- @include lib/plan if plan
-- @include lib/report if report

return tell(STORY[request.tell] or story)
