-- Collecting all ids of a filter: the table COLLECT of lib/filters.

-- @include lib/lists
-- @include lib/ranges

function COLLECT.set(_, node)
    return ask('SMEMBERS', node.key)
end

function COLLECT.range(model, node)
    local ids, stop = {}, node.first + node.size
    for first = node.first, stop - 1, STEP do
        append(ids, (ids_between(model, node, first, math.min(first + STEP, stop))))
    end
    return ids
end

COLLECT.lex = COLLECT.range
