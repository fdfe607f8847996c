-- The tally of the range of one filter, which needs no list of ids: see lib/entry_values.

-- @include lib/entry_values
-- @include lib/ranks

local GAIN = 2             -- rows that one call reads, against reading row by row

-- The rank of the first entry that is left; nil: an earlier call went another way.
local function rank_to_begin_at(part, position)
    if not position then
        return part.first
    elseif position.mode == 'index' then
        return rank_after(part.key, position.score, position.member)
    end
end

-- The position behind some entries, from which a walk of the index could go on as well.
local function position_behind(part, rank)
    if rank >= part.first + part.size then
        return nil
    end
    local last = ask('ZRANGE', part.key, rank - 1, rank - 1, 'WITHSCORES')
    local position = {mode = 'index', part = 1, key = part.key, member = last[1], score = last[2]}
    return cmsgpack.pack(position)
end

-- Tally the entries of the search's only filter. Returns the tally, the ids whose key holds no row,
-- the ids that are left, the number of entries and the position behind them; or nil, if the search
-- is of another kind; or false and the reason, if the server refuses the command.
local function tally_entries(search)
    local part, tally, head = search.parts[1], search.tally, search.model.head
    local first = rank_to_begin_at(part, search.model.position)
    if not first then
        return nil
    end
    local left = math.max(part.first + part.size - first, 0)
    local count = math.min(left, search.page * GAIN)
    local ids = open_entries(head, tally.fields or {tally.field}, part, first, count)
    local is_taken, found, unreadable, rest = pcall(tally_ids, head, tally, ids)
    if is_taken then
        return found, unreadable, rest, count, position_behind(part, first + count)
    elseif type(found) == 'table' and found.status == 'refused' then
        return false, found.what
    end
    error(found)
end
