-- Filters: a tree of nodes. For each kind there are three functions, in three tables:
--
--   SIZE     how many ids it has, at most, in O(log N); also looks up what the others need
--   KEEP     of a list of ids, those it has, in the same order
--   COLLECT  all its ids, in any order, perhaps repeated; for those kinds only that can say
--
-- kind    fields                                         ids
-- set     key                                            members of a set; of a sorted set as well
-- range   key, low, high, exact = {field, low, high}     scores between two, both included; where
--                                                        `exact` bounds are met, the row decides
-- lex     see lib/strings
-- and     nodes                                          in all of the nodes
-- or      nodes                                          in one of the nodes
-- not     node                                           not in the node
-- all                                                    all there are
-- near    see lib/near

-- @include lib/ask
-- @include lib/lists
-- @include lib/numbers

local SIZE, KEEP, COLLECT = {}, {}, {}

-- Of those made of other filters: whether all ids can be collected without walking through all
-- there are.
local COLLECTABLE = {}

local function is_collectable(node)
    local look = COLLECTABLE[node.kind]
    if look then
        return look(node)
    end
    return COLLECT[node.kind] ~= nil
end

local function size_of(model, node)
    node.size = SIZE[node.kind](model, node)
    return node.size
end

local function keep(model, node, ids)
    if #ids == 0 then
        return ids
    end
    return KEEP[node.kind](model, node, ids)
end

-- Sets. The index of a named number has the same form of key, and holds the ids that have one.

function SIZE.set(model, node)
    local size = redis.pcall('SCARD', node.key)
    if type(size) == 'number' then
        return size
    elseif ask('TYPE', node.key).ok ~= 'zset' then
        return ask('SCARD', node.key)
    end
    node.kind, node.low, node.high = 'range', '-inf', '+inf'
    return size_of(model, node)
end

function KEEP.set(_, node, ids)
    local is_member = ask_each('SMISMEMBER', node.key, ids)
    return those(ids, function(_, position) return is_member[position] == 1 end)
end

function COLLECT.set(_, node)
    return ask('SMEMBERS', node.key)
end

-- Ranges of numbers.

local function read_bounds(node)
    node.lowest, node.highest = to_score(node.low), to_score(node.high)
end

-- The whole number behind a score that a bound has too lies on the right side of that bound.
local function is_exactly_within(model, node, id, score)
    local exact = node.exact
    local is_low = exact.low and score == node.lowest
    local is_high = exact.high and score == node.highest
    if not (is_low or is_high) then
        return true
    end
    local number = exact.field == '' and id or value_in_row(model, id, exact.field)
    return number
        and not (is_low and compare_integers(number, exact.low) < 0)
        and not (is_high and compare_integers(number, exact.high) > 0)
end

function SIZE.range(_, node)
    read_bounds(node)
    if node.lowest > node.highest then
        node.first = 0
        return 0
    end
    node.first = ask('ZCOUNT', node.key, '-inf', '(' .. node.low)
    return ask('ZCOUNT', node.key, node.low, node.high)
end

function KEEP.range(model, node, ids)
    local scores, kept = ask_each('ZMSCORE', node.key, ids), {}
    local lowest, highest = node.lowest, node.highest
    for position, id in ipairs(ids) do
        local score = scores[position] and to_score(scores[position])
        if score and score >= lowest and score <= highest
            and (not node.exact or is_exactly_within(model, node, id, score)) then
            kept[#kept + 1] = id
        end
    end
    return kept
end

-- All ids of a node, as the keys of a table, collected once.
local function ids_known(model, node)
    if not node.known then
        node.known = {}
        for _, id in ipairs(COLLECT[node.kind](model, node)) do
            node.known[id] = true
        end
    end
    return node.known
end

-- Both kinds of range stand between two ranks of a sorted set. A function for each kind gives the
-- ids of some members that are there.
local IDS_OF = {}

function IDS_OF.range(model, node, members)
    return node.exact and KEEP.range(model, node, members) or members
end

-- The ids between two ranks, and the last member looked at.
local function ids_between(model, node, first, stop)
    local members = ask('ZRANGE', node.key, first, stop - 1)
    return IDS_OF[node.kind](model, node, members), members[#members]
end

local function collect_range(model, node)
    local ids, stop = {}, node.first + node.size
    for first = node.first, stop - 1, STEP do
        append(ids, (ids_between(model, node, first, math.min(first + STEP, stop))))
    end
    return ids
end

COLLECT.range = collect_range
