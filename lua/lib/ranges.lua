-- Both kinds of range stand between two ranks of a sorted set.

-- @include lib/ask

-- The ids of some members that are there, by kind.
local IDS_OF = {}

function IDS_OF.range(model, node, members)
    return node.exact and keep(model, node, members) or members
end

-- @include lib/ids_of_strings if strings

-- The ids between two ranks, the last member looked at, and the rank behind it: `stop`, unless it
-- may stop before, and looking at them took too much.
local function ids_between(model, node, first, stop, may_stop)
    local members = ask('ZRANGE', node.key, first, stop - 1)
    local ids, count = IDS_OF[node.kind](model, node, members, may_stop)
    return ids, members[count or #members], count and first + count or stop
end
