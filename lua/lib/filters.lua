-- Filters: a tree of nodes. For each kind there are functions, in these tables:
--
--   SIZE         how many ids it has, at most, in O(log N); looks up what the others need, too
--   COLLECTABLE  whether all ids can be collected without walking through all there are; of those
--                made of other filters, a function that says so
--   KEEP         of a list of ids, those it has, in the same order: see lib/probes
--   COLLECT      all its ids, in any order, perhaps repeated; for those kinds only that can say:
--                see lib/collecting
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
-- ids, unique, between: see lib/by_ids

-- @include lib/ask
-- @include lib/rooms

local SIZE, COLLECTABLE = {}, {set = true, range = true}
local KEEP, COLLECT

-- What single candidates cost beyond being one: `spent` counts the characters that patterns were
-- matched against, of which a walk takes so many in one call, and then says where to go on.
local EFFORT = {spent = 0, most = 40000}

local function is_spent()
    return EFFORT.spent >= EFFORT.most
end

local function is_collectable(node)
    local look = COLLECTABLE[node.kind]
    return look == true or look and look(node)
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

KEEP = filled_when_asked(function()
    -- @include lib/probes
    -- @include lib/probes_of_trees if trees
    -- @include lib/probes_of_strings if strings
    -- @include lib/probes_of_ids if ids
end)

COLLECT = filled_when_asked(function()
    -- @include lib/collecting
    -- @include lib/collecting_trees if trees
    -- @include lib/collecting_ids if ids
end)

-- A set. The index of a named number has the same form of key, and holds the ids that have one.
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

function SIZE.range(_, node)
    -- @include lib/scores
    node.lowest, node.highest = to_score(node.low), to_score(node.high)
    if node.lowest > node.highest then
        node.first = 0
        return 0
    end
    node.first = ask('ZCOUNT', node.key, '-inf', '(' .. node.low)
    return ask('ZCOUNT', node.key, node.low, node.high)
end
