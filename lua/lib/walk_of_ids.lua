-- The walk along all ids, ascending or descending.

-- @include lib/ids

-- Without a bitmap, the walk yields all numbers. If no filter has excluded those that are not ids,
-- the rows are looked up.
local function keep_existing(search, ids)
    if search.model.last and not search.collectable then
        return KEEP.all(search.model, nil, ids)
    end
    return ids
end

-- The first and the last id of the walk, from the `between` filters that must match.
local function ends_of(search)
    local first, last = 0, math.huge
    for _, part in ipairs(search.parts) do
        if part.kind == 'between' then
            first, last = math.max(first, part.lowest), math.min(last, part.highest)
        end
    end
    return first, last
end

local function walk_ids(search, position)
    local chunk, reverse = next_chunk(search), position.reverse
    local from, first, last = position.from and tonumber(position.from), ends_of(search)
    local ids, looked
    if reverse then
        ids, looked = ids_below(search.model, math.min(from or math.huge, last + 1), chunk)
    else
        ids, looked = ids_above(search.model, math.max(from or 0, first - 1), chunk)
    end
    note_looked(search, #ids + 1)
    pour(search.sink, keep_existing(search, keep_all(search, ids)))
    if not looked or reverse and looked <= first or not reverse and looked >= last then
        return nil
    end
    return {mode = 'ids', part = position.part, reverse = reverse, from = write_id(looked)}
end
