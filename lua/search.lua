-- Find the entities that match a tree of filters, sorted or not, and read their rows. The script
-- writes nothing.
--
-- Keys: those of the filters and of the order (sets, sorted sets); the live bitmap or, without it,
-- the counter (strings); the rows (hashes).
--
-- Request: head, live, counter = the prefix of the rows' keys; keys
--          where    = a node: see lib/filters
--          built    = {the fingerprint's key, list of texts}: see lib/built; or absent
--          expiry   = index of the ExpireAt column, to leave out expired entities; or absent
--          deleted  = index of the times of soft deletes, to leave out these entities; or absent
--          orders   = list of {kind, key, reverse, tie, field, or_stored}: see lib/order; or absent
--          rank     = sort by relevance, see lib/ranking; or absent
--          mark     = {id, places}: find only later matches; see lib/groups; or absent
--          direction = 'up' or 'down': the order of the ids of matches that are equal in all
--                     orders; absent: that of the last order. With a direction or a mark, and
--                     without an order, matches are sorted by id
--          skip     = the number of matches to leave out
--          need     = the number of matches to find; absent: all
--          want     = 'rows', 'ids', 'count' or 'tally'
--          fields   = list of the columns to read of a row
--          tally    = {field, way, alone, direct}: see lib/tally; `alone`: tally only if one call
--                     finds all matches, because further calls might find the same ids again;
--                     `direct`: the least size of a range that may be tallied by SORT_RO, where it
--                     is the only filter, see lib/entry_tally; absent: none may
--          bytes    = the greatest number of bytes of rows; absent: that of lib/rows
--          page     = the greatest number of rows to reply with or to tally; further matches come
--                     as ids
--          small    = a filter with at most this number of ids may be gathered at once
--          unnumbered = the ids are not numbers: they cannot be walked along, so sets of any size
--                     are gathered
--          budget   = after this number of candidates the script ends, with a position
--          chunk    = the number of candidates in the first step of a walk, which grows; absent: it
--                     follows from `need`
--          position = the position of an earlier reply; absent: start at the beginning
--          tell     = 'plan': the plan, without a search, see lib/plan; 'report': also the steps,
--                     see lib/trace; or absent
--
-- Reply:   'ok', the position to continue at ('' at the end), how many matches were skipped, how
--          many were found, list of ids, their rows, see lib/rows, list of ids whose key holds no
--          row, list of the ids of further matches (all, if the request wants no rows).
--          With a tally: no ids, but the server's error if it refused SORT_RO; and, instead of the
--          rows, the tally. With a rank: one part more at the end of the search, a packed list of
--          score, id, score, id...
--          'unsorted', ...     the same for all matches: they are few; the caller sorts them
--          'no order'          the order's index does not exist, and the order has `or_stored`
--          'in parts'          the search would block the server for too long: see
--                              rom/_core/ops/search/split_search.py
--          'wrong type', key   this key holds another type
--          'not built'         the data does not have a compound index of the request yet
--          'too many ids', n   there is no bitmap, and n, the counter, is too large to try all ids

-- @include lib/call
-- @include lib/ask
-- @include lib/model
-- @include lib/matches
-- @include lib/planner

-- Redis runs through a whole script at each call, and most searches need few of its parts. So the
-- caller names the parts to include. Parts whose need shows only during the search are made then:
-- see lib/lazy_functions. A server function has all parts, and makes each once.
-- @include lib/trees if trees
-- @include lib/unexpired if expiry
-- @include lib/strings if strings
-- @include lib/given if given
-- @include lib/near if near
-- @include lib/by_ids if ids
-- @include lib/words if words
-- @include lib/relations if relations
-- @include lib/sorting if orders
-- @include lib/tally if tally
-- @include lib/direct_tally if tally

local request

-- Functions that replace `story`, by the value of `tell`.
local STORY = {}

-- Take one step of a search. lib/trace replaces this function.
local function take_step(step, search, position)
    return step(search, position)
end

local function open_search()
    local model = open_model(request.head, request.live, request.counter)
    model.position = request.position and cmsgpack.unpack(request.position)
    model.absent = request.absent or {}
    local leaves_out = request.expiry or request.deleted
    model.unexpired = leaves_out and open_unexpired(model, request) or false
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
    parts[#parts + 1] = model.unexpired or nil  -- last, because a position names parts by place
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

-- The number of matches, if it follows from the sizes of filters; only expired ids are looked up.
local function count_at_once(search)
    local model, part = search.model, search.parts[1]
    local expired = model.unexpired and model.unexpired.node
    local filters = #search.parts - (expired and 1 or 0)
    if expired and expired.kind ~= 'range' then
        return false
    elseif filters == 0 then
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

local open_rows = made_once(function()
    -- @include lib/rows
    return read_rows
end)

-- The reply. `position` is packed, for a later call to continue at; nil at the end.
local function reply(status, search, position)
    local sink = search.sink
    local ids, rows, unreadable, further, rest = {}, '', {}, sink.ids, {}
    if request.want == 'rows' then
        -- After a long search, this call reads fewer rows, and leaves the others to the next one.
        local page = is_spent() and math.ceil(request.page / 4) or request.page
        ids, further = split(sink.ids, page)
        local read_rows = open_rows()
        ids, rows, unreadable, rest = read_rows(request.head, request.fields, ids, request.bytes)
    elseif request.want == 'tally' then
        local is_part = request.tally.alone and (position or request.position)
        ids, further = split(sink.ids, is_part and 0 or request.page)
        rows, unreadable, rest = tally_ids(request.head, request.tally, ids)
        ids = {search.refused}
    end
    for _, id in ipairs(rest[1] and further or {}) do
        rest[#rest + 1] = id
    end
    return {
        status, position or '', write_id(sink.skipped), write_id(sink.count),
        ids, rows, unreadable, rest[1] and rest or further, search.ranked,
    }
end

local AT_ONCE
AT_ONCE = filled_when_asked(function()
    -- @include lib/at_once
    -- @include lib/sort if orders
end)

-- The reply with all matches, found at once. In an order of strings, the caller sorts them, because
-- it reads the rows anyway; it also leaves out the matches before the mark.
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

local open_walks = made_once(function()
    -- @include lib/walks
    -- @include lib/order if orders
    return WALK, first_chunk, write_position
end)

-- Walk until there are enough matches, or the walk ends, or it takes too long. With `patience`, a
-- walk that has looked at more candidates than that is given up, and all matches are gathered.
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

local open_ranks = made_once(function()
    -- @include lib/ranking if rank
    return rank_matches
end)

local function begin(search, strings)
    if search.model.position then
        return search.model.position
    elseif search.order then
        return begin_sorted(search, strings)
    end
    if request.rank then
        return {mode = 'rank'}
    end
    local is_by_id = search.mark or search.direction
    return BEGIN.near and not is_by_id and BEGIN.near(search) or begin_unsorted(search)
end

-- The number of matches if it is known without a walk; else false.
local function known_at_once(search)
    if search.smallest == 0 then
        return 0
    end
    return request.want == 'count' and not request.position and count_at_once(search)
end

-- The position to begin at, and the patience of the walk.
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
    local direct = request.want == 'tally' and reply_directly(search)
    if direct then
        return direct
    end
    local position, patience = decide(search)
    if position.mode == 'gather' or position.mode == 'sort' or position.mode == 'near' then
        return reply_at_once(search, position)
    elseif position.mode == 'rank' then
        local following = take_step(open_ranks(), search, position)
        return reply('ok', search, following and cmsgpack.pack(following))
    end
    return walk(search, position, patience)
end

-- @include lib/plan if plan
-- @include lib/trace if report

-- @include lib/built if built

local function run()
    if request.built and not is_built(unpack(request.built)) then
        return {'not built'}
    end
    return (STORY[request.tell] or story)()
end

-- @each call

CALL, request = {}, cmsgpack.unpack(ARGV[1])
EFFORT.spent, EFFORT.known = 0, request.small

return tell(run)
