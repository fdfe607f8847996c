-- Ranges of scores or of strings: the members of a sorted set between two ranks.

-- @include lib/ask

-- The ids of some members that match the filter, by kind.
local IDS_OF = {}

function IDS_OF.range(model, node, members)
    return node.exact and keep(model, node, members) or members
end

-- @include lib/ids_of_strings if strings

-- The ids between two ranks, the last member that was read, and the rank after it. That is `stop`,
-- unless it may stop earlier and the effort of the call is spent.
local function ids_between(model, node, first, stop, may_stop)
    local members = ask('ZRANGE', node.key, first, stop - 1)
    local ids, count = IDS_OF[node.kind](model, node, members, may_stop)
    return ids, members[count or #members], count and first + count or stop
end
