-- The walk along all ids, ascending or descending.

-- @include lib/ids

-- In data without a bitmap, numbers are walked that may be no ids: the row tells, where no filter
-- did.
local function keep_existing(search, ids)
    if search.model.last and not search.collectable then
        return KEEP.all(search.model, nil, ids)
    end
    return ids
end

local function walk_ids(search, position)
    local from, chunk = position.from and tonumber(position.from), next_chunk(search)
    local ids, looked
    if position.reverse then
        ids, looked = ids_below(search.model, from, chunk)
    else
        ids, looked = ids_above(search.model, from or 0, chunk)
    end
    note_looked(search, #ids + 1)
    pour(search.sink, keep_existing(search, keep_all(search, ids)))
    return looked and {mode = 'ids', reverse = position.reverse, from = write_id(looked)}
end
