-- Matches sorted by orders, all at once. For few matches, that is faster than a walk.

-- @include lib/groups
-- @include lib/walks

function WALK.sort(search, position)
    local ids, sink = gather(search, position.part), search.sink
    pour(sink, sorted_from(search, 1, ids, search.mark, sink.skip + sink.need))
end
