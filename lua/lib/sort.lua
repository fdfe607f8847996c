-- Gathering all matches at once, and sorting them: see lib/at_once.

-- @include lib/gathering
-- @include lib/groups

-- All matches, gathered and sorted. For few matches, that is faster than a walk.
function AT_ONCE.sort(search, position)
    local ids, sink = gather(search, position.part), search.sink
    pour(sink, sorted_from(search, 1, ids, search.mark, sink.skip + sink.need))
end
