-- Finding all matches at once, by the mode of the position: the table AT_ONCE of search.lua.

-- @include lib/gathering
-- @include lib/numbers

function AT_ONCE.gather(search, position)
    local ids = gather(search, position.part)
    if search.want == 'rows' or search.want == 'ids' then  -- the others do not depend on the order
        ids = by_id(ids, search.direction == 'down', search.mark)
    end
    pour(search.sink, ids)
end

-- All matches, in the order of their distance.
function AT_ONCE.near(search, position)
    local part = search.parts[position.part]
    note_looked(search, part.size)
    pour(search.sink, keep_all(search, part.ids, {[part] = true}))
end
