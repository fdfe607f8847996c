-- Walks that find matches in an index's own order, or in that of the ids, some at a time.
--
-- A search is {model, parts, small, pace, sink, seen, mark, any_order}: `parts` are the filters, of
-- which all must hold; of `pace`, `chunk` is how many candidates are looked at next, and `looked`
-- how many were; with `any_order` nobody minds the order. A walk gets the search and a position,
-- looks at some candidates, gives those that match to the sink, and returns where to go on, or nil
-- at the end. A position also serves a later call of the script, when other clients have written in
-- between: it names a member or an id, never a rank alone. What the mark is, lib/groups says.

-- @include lib/filters
-- @include lib/ids

local LARGEST_CHUNK = 2000

-- Candidates to look at next: more each time.
local function next_chunk(search)
    local chunk = search.pace.chunk
    search.pace.chunk = math.min(chunk * 2, LARGEST_CHUNK)
    return chunk
end

local function note_looked(search, count)
    search.pace.looked = search.pace.looked + count
end

-- The sink leaves out the first `skip` ids, takes up to `need`, and then is full.
local function new_sink(skip, need)
    return {skip = skip, need = need or math.huge, skipped = 0, count = 0, ids = {}}
end

local function is_full(sink)
    return sink.count >= sink.need
end

local function pour(sink, ids, only_count)
    if is_full(sink) then
        return
    end
    local left_out = math.min(sink.skip - sink.skipped, #ids)
    local taken = math.min(sink.need - sink.count, #ids - left_out)
    if not only_count then
        for place = 1, taken do
            sink.ids[sink.count + place] = ids[left_out + place]
        end
    end
    sink.skipped, sink.count = sink.skipped + left_out, sink.count + taken
end

local function by_size(parts)
    local sorted = {}
    for index, part in ipairs(parts) do
        sorted[index] = part
    end
    table.sort(sorted, function(a, b) return a.size < b.size end)
    return sorted
end

-- The ids for which all parts hold; the smallest part is asked first. `known` are parts that hold
-- anyway.
local function keep_all(search, ids, known)
    for _, part in ipairs(search.by_size) do
        if not (known and known[part]) then
            ids = keep(search.model, part, ids)
        end
    end
    return ids
end

function SIZE.all(model)
    return model.span
end

-- Ids that are walked through are those of the bitmap; without one, it is the row that tells.
function KEEP.all(model, _, ids)
    if model.bytes then
        return ids
    end
    return those(ids, function(id) return redis.call('EXISTS', model.head .. id) == 1 end)
end

-- In data without a bitmap, numbers are walked that may be no ids: the row tells, where no filter
-- did.
local function keep_existing(search, ids)
    if search.model.last and not search.collectable then
        return KEEP.all(search.model, nil, ids)
    end
    return ids
end

-- How many members a sorted set has up to this one, which need not be there any more.
local function rank_after(key, score, member)
    local low = ask('ZCOUNT', key, '-inf', '(' .. score)
    local high = ask('ZCOUNT', key, '-inf', score)
    while low < high do
        local middle = math.floor((low + high) / 2)
        if compare_bytes(ask('ZRANGE', key, middle, middle)[1], member) <= 0 then
            low = middle + 1
        else
            high = middle
        end
    end
    return low
end

local function not_seen(search, ids)
    return those(ids, function(id)
        local is_new = not search.seen[id]
        search.seen[id] = true
        return is_new
    end)
end

-- Walks, by mode; and where a search of some kind begins.
local WALK, BEGIN = {}, {}

-- Along the ids, ascending or descending.
function WALK.ids(search, position)
    local from, chunk = position.from and tonumber(position.from), next_chunk(search)
    local ids, looked
    if position.reverse then
        ids, looked = ids_below(search.model, from, chunk)
    else
        ids, looked = ids_above(search.model, from or 0, chunk)
    end
    note_looked(search, #ids + 1)
    pour(search.sink, keep_existing(search, keep_all(search, ids)), search.only_count)
    return looked and {mode = 'ids', reverse = position.reverse, from = write_id(looked)}
end

-- Along one part's range of an index.
function WALK.index(search, position)
    local part = search.parts[position.part]
    local stop = part.first + part.size
    local rank = position.rank
        or position.member and rank_after(part.key, position.score, position.member)
        or part.first
    local upto = math.min(rank + next_chunk(search), stop)
    local ids, member = ids_between(search.model, part, rank, upto)
    note_looked(search, upto - rank)
    if part.kind == 'lex' and not part.field then
        ids = not_seen(search, ids)
    end
    pour(search.sink, keep_all(search, ids, {[part] = true}), search.only_count)
    return upto < stop
        and {mode = 'index', part = position.part, rank = upto, key = part.key, member = member}
        or nil
end

-- What several sets have in common is for the server to find.
local function gather_sets(search)
    local keys, known = {}, {}
    for _, part in ipairs(search.parts) do
        if part.kind == 'set' and #keys < STEP then
            keys[#keys + 1] = part.key
            known[part] = true
        end
    end
    return keep_all(search, ask('SINTER', unpack(keys)), known)
end

-- All matches at once, by way of one part; each once, in any order.
local function gather(search, driver)
    local part = search.parts[driver]
    note_looked(search, part.size)
    if part.kind == 'set' then
        return gather_sets(search)
    end
    local ids = COLLECT[part.kind](search.model, part)
    if part.kind ~= 'range' then
        ids = not_seen(search, ids)
    end
    return keep_all(search, ids, {[part] = true})
end

function WALK.gather(search, position)
    local ids = gather(search, position.part)
    if not search.any_order then
        ids = by_id(ids, false, search.mark)
    end
    pour(search.sink, ids, search.only_count)
end
