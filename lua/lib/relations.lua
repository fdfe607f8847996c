-- Filters by the relations of rows: the kinds `refer` and `link` of lib/filters.
--
-- kind    fields                      ids
-- refer   key, ids                    the rows that refer to one of some ids; `key` is the index
--                                     with the number that each row refers to
-- link    head, tail, field, ids      the rows with a link to one of some ids. `head`, an id and
--                                     `tail` make the key of the set of rows with a link to that id
--
-- The ids are those of other entities, in ascending order, and there may be many. So the size is an
-- estimate, from the parts of the index that some of them have; but no less than the number of ids,
-- because each takes a command when the filter is collected. `whole` is true if the rows of all
-- other ids are so few that it is less work to read them, too.

-- @include lib/every_link
-- @include lib/filters
-- @include lib/lists

local MOST_COUNTED = 500  -- ids whose parts of an index are counted

COLLECTABLE.refer, COLLECTABLE.link = true, true

-- The size of a filter whose part for one id has the size `count(id)`, among `within` rows.
local function size_by_ids(node, within, count)
    local ids, sum = node.ids, 0
    node.whole = within <= EFFORT.known
    if node.whole then
        return within
    end
    local step = math.ceil(#ids / MOST_COUNTED)
    for place = 1, #ids, step do
        sum = sum + count(ids[place])
    end
    return math.min(math.max(sum * step, #ids), within)
end

function SIZE.refer(_, node)
    local within = ask('ZCOUNT', node.key, node.ids[1], node.ids[#node.ids])
    return size_by_ids(node, within, function(id) return ask('ZCOUNT', node.key, id, id) end)
end

function SIZE.link(_, node)
    node.weight = 3  -- it reads rows
    local within = ask('SCARD', node.head .. EVERY_LINK .. node.tail)
    return size_by_ids(node, within, function(id)
        return ask('SCARD', node.head .. id .. node.tail)
    end)
end
