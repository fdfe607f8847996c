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
-- given   ids                                            these, each once: see lib/given

-- @include lib/ask
-- @include lib/rooms

local SIZE, COLLECTABLE = {}, {set = true, range = true, given = true}
local KEEP, COLLECT

-- What a call does, whoever asks for it: some quarter of a microsecond each. A candidate that is
-- looked at, and each filter that is asked about one, counts two; where a string is compared, six;
-- a character that a pattern is matched against counts one. A walk takes so much in one call, and
-- then says where to go on.
-- Of one filter at most `known` ids are collected to ask about others.
local EFFORT = {spent = 0, most = 20000, known = 6000}
local MOST_PROBED = 64  -- filters that one id is asked about, where these are too many to collect

local function spend(effort)
    EFFORT.spent = EFFORT.spent + effort
end

local function is_spent()
    return EFFORT.spent >= EFFORT.most
end

-- The search would hold the server for too long: the caller does it in parts, filter by filter.
local function refuse_whole()
    error({status = 'in parts', what = ''})
end

-- How many filters a node asks about an id. One by strings reads a row.
local function weight_of(node)
    if not (node.nodes or node.node) then
        return node.kind == 'lex' and 3 or 1
    elseif not node.weight then
        local weight = 0
        for _, part in ipairs(node.nodes or {node.node}) do
            weight = weight + weight_of(part)
        end
        node.weight = math.max(weight, 1)
    end
    return node.weight
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
