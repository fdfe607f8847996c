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
-- lex     key, low, high, head, skip, pattern, raw,      members between two strings, whose value
--         many                                           has a head and matches a pattern
-- and     nodes                                          in all of the nodes
-- or      nodes                                          in one of the nodes
-- not     node                                           not in the node
-- all                                                    all there are
-- near    see lib/near

local STEP = 1000  -- ids in one command

local SIZE, KEEP, COLLECT = {}, {}, {}

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

local function append(list, more)
    for _, item in ipairs(more) do
        list[#list + 1] = item
    end
end

-- The ids that `passes` is true of.
local function those(ids, passes)
    local kept = {}
    for position, id in ipairs(ids) do
        if passes(id, position) then
            kept[#kept + 1] = id
        end
    end
    return kept
end

-- What a variadic command answers for each of the ids.
local function ask_each(command, key, ids)
    if #ids == 0 then
        return {}
    elseif #ids <= STEP then
        return ask(command, key, unpack(ids))
    end
    local answers = {}
    for first = 1, #ids, STEP do
        local some = ask(command, key, unpack(ids, first, math.min(first + STEP - 1, #ids)))
        for position = 1, #some do
            answers[first + position - 1] = some[position]
        end
    end
    return answers
end

-- Sets. The index of a named number has the same form of key, and holds the ids that have one.

function SIZE.set(model, node)
    local kind = ask('TYPE', node.key).ok
    if kind == 'zset' then
        node.kind, node.low, node.high = 'range', '-inf', '+inf'
        return size_of(model, node)
    end
    return ask('SCARD', node.key)
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
    local number = exact.field == '' and id or ask('HGET', model.head .. id, exact.field)
    return number
        and not (is_low and compare_integers(number, exact.low) < 0)
        and not (is_high and compare_integers(number, exact.high) > 0)
end

function SIZE.range(_, node)
    read_bounds(node)
    if node.lowest > node.highest then
        return 0
    end
    node.first = ask('ZCOUNT', node.key, '-inf', '(' .. node.low)
    return ask('ZCOUNT', node.key, node.low, node.high)
end

function KEEP.range(model, node, ids)
    local scores = ask_each('ZMSCORE', node.key, ids)
    return those(ids, function(id, position)
        local score = scores[position] and to_score(scores[position])
        return score and score >= node.lowest and score <= node.highest
            and (not node.exact or is_exactly_within(model, node, id, score))
    end)
end

-- Ranges of strings. A member is a value, a NUL and an id.

local function value_and_id(member)
    return string.match(member, '^(.*)%z(.*)$')
end

local function is_value_within(node, value)
    return (not node.head or string.sub(value, 1, #node.head) == node.head)
        and (not node.pattern or matches(value, node.skip, node.pattern, node.raw))
end

function SIZE.lex(_, node)
    local before = node.low == '-' and '-' or '(' .. string.sub(node.low, 2)
    node.first = before == '-' and 0 or ask('ZLEXCOUNT', node.key, '-', before)
    return ask('ZLEXCOUNT', node.key, node.low, node.high)
end

-- No id says what its string is: all ids of the range are gathered, once.
function KEEP.lex(model, node, ids)
    if not node.known then
        node.known = {}
        for _, id in ipairs(COLLECT.lex(model, node)) do
            node.known[id] = true
        end
    end
    return those(ids, function(id) return node.known[id] end)
end

-- Both kinds of range stand between two ranks of a sorted set. A function for each kind gives the
-- ids of some members that are there.
local IDS_OF = {}

function IDS_OF.lex(_, node, members)
    local ids, any = {}, not (node.head or node.pattern)
    for _, member in ipairs(members) do
        local value, id = value_and_id(member)
        if id and (any or is_value_within(node, value)) then
            ids[#ids + 1] = id
        end
    end
    return ids
end

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

COLLECT.range, COLLECT.lex = collect_range, collect_range

-- Trees.

SIZE['and'] = function(model, node)
    local smallest = math.huge
    for _, part in ipairs(node.nodes) do
        smallest = math.min(smallest, size_of(model, part))
    end
    return smallest
end

KEEP['and'] = function(model, node, ids)
    for _, part in ipairs(node.nodes) do
        ids = keep(model, part, ids)
    end
    return ids
end

COLLECT['and'] = function(model, node)
    local best
    for _, part in ipairs(node.nodes) do
        if part.collectable and not (best and best.size <= part.size) then
            best = part
        end
    end
    local ids = COLLECT[best.kind](model, best)
    for _, part in ipairs(node.nodes) do
        if part ~= best then
            ids = keep(model, part, ids)
        end
    end
    return ids
end

SIZE['or'] = function(model, node)
    local total = 0
    for _, part in ipairs(node.nodes) do
        total = total + size_of(model, part)
    end
    return total
end

KEEP['or'] = function(model, node, ids)
    local is_in, rest = {}, ids
    for _, part in ipairs(node.nodes) do
        for _, id in ipairs(keep(model, part, rest)) do
            is_in[id] = true
        end
        rest = those(rest, function(id) return not is_in[id] end)
    end
    return those(ids, function(id) return is_in[id] end)
end

COLLECT['or'] = function(model, node)
    local ids = {}
    for _, part in ipairs(node.nodes) do
        append(ids, COLLECT[part.kind](model, part))
    end
    return ids
end

SIZE['not'] = function(model, node)
    size_of(model, node.node)
    return model.span
end

KEEP['not'] = function(model, node, ids)
    local is_in = {}
    for _, id in ipairs(keep(model, node.node, ids)) do
        is_in[id] = true
    end
    return those(ids, function(id) return not is_in[id] end)
end

function SIZE.all(model)
    return model.span
end

-- Whether all ids of a node can be collected without walking through all there are.
local function is_collectable(node)
    if node.kind == 'and' or node.kind == 'or' then
        local are_all, is_one = true, false
        for _, part in ipairs(node.nodes) do
            part.collectable = is_collectable(part)
            are_all = are_all and part.collectable
            is_one = is_one or part.collectable
        end
        return node.kind == 'and' and is_one or node.kind == 'or' and are_all
    end
    return COLLECT[node.kind] ~= nil
end

-- Ids that are walked through are those of the bitmap; without one, it is the row that tells.
function KEEP.all(model, _, ids)
    if model.bytes then
        return ids
    end
    return those(ids, function(id) return redis.call('EXISTS', model.head .. id) == 1 end)
end
