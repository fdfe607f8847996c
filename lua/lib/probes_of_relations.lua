-- Probing filters by relations: see lib/relations.

-- @include lib/known
-- @include lib/lists

local ID_IN_LINKS = '%d+'
local BYTES_AN_EFFORT = 4  -- of links that are read

-- The ids of a node's list, by the number of each.
local function numbers_listed(node)
    if not node.numbers then
        node.numbers = {}
        for _, id in ipairs(node.ids) do
            node.numbers[tonumber(id)] = true
        end
    end
    return node.numbers
end

function KEEP.refer(_, node, ids)
    local numbers, scores = numbers_listed(node), ask_each('ZMSCORE', node.key, ids)
    return those(ids, function(_, position)
        return scores[position] and numbers[tonumber(scores[position])]
    end)
end

-- The rows of few ids are collected once. Otherwise, the links in each row decide.
function KEEP.link(model, node, ids)
    if node.known or not node.whole and node.size <= EFFORT.known then
        local known = ids_known(model, node)
        return those(ids, function(id) return known[id] end)
    end
    local numbers = numbers_listed(node)
    return those(ids, function(id)
        local links = value_in_row(model, id, node.field) or ''
        spend(math.ceil(#links / BYTES_AN_EFFORT))
        for link in string.gmatch(links, ID_IN_LINKS) do
            if numbers[tonumber(link)] then
                return true
            end
        end
        return false
    end)
end
