-- The state of a search, and the sink for its matches.
--
-- A search is {model, parts, pace, sink, seen, ...} and the fields of the request. `parts` are the
-- filters, all of which must match. In `pace`, `chunk` is the number of candidates of the next
-- step, and `looked` the number of candidates so far. For `mark`, see lib/groups.

-- @include lib/filters

-- A sink skips the first `skip` ids, takes up to `need` ids, and is then full.
local function new_sink(asked)
    return {
        skip = asked.skip,
        need = asked.need or math.huge,
        only_counts = asked.want == 'count',
        skipped = 0,
        count = 0,
        ids = {},
    }
end

local function is_full(sink)
    return sink.count >= sink.need
end

local function pour(sink, ids)
    if is_full(sink) then
        return
    end
    local left_out = math.min(sink.skip - sink.skipped, #ids)
    local taken = math.min(sink.need - sink.count, #ids - left_out)
    if not sink.only_counts then
        for place = 1, taken do
            sink.ids[sink.count + place] = ids[left_out + place]
        end
    end
    sink.skipped, sink.count = sink.skipped + left_out, sink.count + taken
end

local function note_looked(search, count)
    search.pace.looked = search.pace.looked + count
    spend(2 * count)
end

-- The ids that match all parts; the smallest part is probed first, because it removes most ids.
-- `known` are parts that match anyway.
local function keep_all(search, ids, known)
    local unknown = {}
    for _, part in ipairs(search.parts) do
        if not (known and known[part]) then
            unknown[#unknown + 1] = part
        end
    end
    if #unknown > 1 then
        table.sort(unknown, function(a, b) return a.size < b.size end)
    end
    for _, part in ipairs(unknown) do
        spend(2 * #ids * weight_of(part))
        ids = keep(search.model, part, ids)
    end
    return ids
end
