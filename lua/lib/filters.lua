-- Filters: a tree of nodes. Each kind of node has functions in these tables:
--
--   SIZE         the greatest number of its ids, in O(log N); also looks up what the others need
--   COLLECTABLE  true if its ids can be collected without a walk through all ids; a function that
--                tells, for filters made of other filters
--   KEEP         the ids of a list that match, in the same order: see lib/probes
--   COLLECT      all its ids, in any order, perhaps repeated; only for collectable kinds: see
--                lib/collecting
--
-- kind    fields                                         ids
-- set     key                                            the members of a set or a sorted set
-- range   key, low, high, exact = {field, low, high}     scores from low to high, both included; if
--                                                        a score equals an `exact` bound, the row
--                                                        decides
-- lex     see lib/strings
-- and     nodes                                          in all of the nodes
-- or      nodes                                          in one of the nodes
-- not     node                                           not in the node
-- all                                                    all ids
-- near    see lib/near
-- ids, unique, between: see lib/by_ids
-- given   ids                                            these, each once: see lib/given
-- words: see lib/words
-- refer, link: see lib/relations

-- @include lib/ask
-- @include lib/lazy_functions

local SIZE, COLLECTABLE = {}, {set = true, range = true, given = true}
local KEEP, COLLECT

-- The effort of a call, in units of about a quarter of a microsecond. A candidate counts two, and
-- so does each filter that is asked about it; a comparison of strings counts six; a character that
-- a pattern is matched against counts one. After the effort `most`, a walk ends the call with a
-- position. At most `known` ids of one filter are collected to probe the ids of others.
local EFFORT = {spent = 0, most = 20000, known = 6000}
local MOST_PROBED = 64  -- filters that one id is looked up in, if they are too large to collect

local function spend(effort)
    EFFORT.spent = EFFORT.spent + effort
end

local function is_spent()
    return EFFORT.spent >= EFFORT.most
end

-- End a search that would block the server for too long; the caller searches filter by filter.
local function refuse_whole()
    error({status = 'in parts', what = ''})
end

-- The number of filters that a node asks about an id. A filter by strings counts three, because it
-- reads a row.
local function weight_of(node)
    if not (node.nodes or node.node) then
        return node.weight or node.kind == 'lex' and 3 or 1
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
    -- @include lib/probes_of_words if words
    -- @include lib/probes_of_relations if relations
end)

COLLECT = filled_when_asked(function()
    -- @include lib/collecting
    -- @include lib/collecting_trees if trees
    -- @include lib/collecting_ids if ids
    -- @include lib/collecting_words if words
    -- @include lib/collecting_relations if relations
end)

-- A set. The index of a named number has the same form of key; then its members are the ids.
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
