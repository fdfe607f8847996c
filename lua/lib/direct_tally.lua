-- Tallies that need no list of ids. The functions that make them are made when they are needed.

local function open_entry_tally()
    -- @include lib/entry_tally
    return tally_entries
end

-- The reply of the search with the tally of the only filter's range; nil: the search lists ids.
local function reply_directly(search)
    local part = search.parts[1]
    local is_range = #search.parts == 1 and part.kind == 'range' and not part.exact
    if not (is_range and search.tally.direct) or part.size < search.tally.direct then
        return nil
    end
    local found, unreadable, left, count, position = open_entry_tally()(search)
    if found then
        return {'ok', position or '', '0', write_id(count), {}, found, unreadable, left}
    end
    search.refused = unreadable
end
