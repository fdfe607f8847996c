-- The walk along a filter's range of an index.

-- @include lib/ranges
-- @include lib/ranks
-- @include lib/seen

-- Walk along one part's range of an index.
local function walk_index(search, position)
    local part = search.parts[position.part]
    local stop = part.first + part.size
    local rank = position.rank
        or position.member and rank_after(part.key, position.score, position.member)
        or part.first
    local upto = math.min(rank + next_chunk(search), stop)
    local ids, member
    ids, member, upto = ids_between(search.model, part, rank, upto, true)
    note_looked(search, upto - rank)
    if part.kind == 'lex' then
        spend(4 * (upto - rank))
    end
    if part.kind == 'lex' and not part.field then
        ids = not_seen(search, ids)
    end
    pour(search.sink, keep_all(search, ids, {[part] = true}))
    return upto < stop
        and {mode = 'index', part = position.part, rank = upto, key = part.key, member = member}
        or nil
end
