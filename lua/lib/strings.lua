-- The kind `lex` of lib/filters: ids by their strings in an index.
--
-- kind    fields                                         ids
-- lex     key, low, high, head, pattern, raw, plain,     members between two strings, whose value
--         without, field, lowers, turned                 has a head and matches a pattern, and has
--                                                        none of the heads `without`; `plain`:
--                                                        all of them do; `field`: an id has one,
--                                                        and the row tells which

-- @include lib/filters

-- @include lib/patterns if patterns

-- A member is a value, a NUL and an id.

local function value_and_id(member)
    return string.match(member, '^(.*)%z(.*)$')
end

local function has_one_of(value, heads)
    for _, head in ipairs(heads or {}) do
        if string.sub(value, 1, #head) == head then
            return true
        end
    end
    return false
end

-- Whether a node means this value, which need not be from the node's range.
local function is_meant(node, value)
    return string.sub(value, 1, #node.head) == node.head
        and (#node.pattern == 0 or matches(value, #node.head, node.pattern, node.raw))
        and not has_one_of(value, node.without)
end

local function is_value_within(node, value)
    return node.plain or is_meant(node, value)
end

function SIZE.lex(_, node)
    local before = node.low == '-' and '-' or '(' .. string.sub(node.low, 2)
    node.first = before == '-' and 0 or ask('ZLEXCOUNT', node.key, '-', before)
    return ask('ZLEXCOUNT', node.key, node.low, node.high)
end

-- What the index has of a value that a row has; nil if only Python knows.
local function as_indexed(node, stored)
    if string.find(stored, '[\128-\255]') then
        return nil
    end
    local value = node.lowers and string.lower(stored) or stored
    return node.turned and string.reverse(value) or value
end

-- No id says what its strings are. A row may say it; all ids of the range together always do.
function KEEP.lex(model, node, ids)
    if not node.field or node.known or #ids > node.size then
        local known = ids_known(model, node)
        return those(ids, function(id) return known[id] end)
    end
    return those(ids, function(id)
        local stored = value_in_row(model, id, node.field) or ''
        local value = as_indexed(node, stored)
        if value then
            return value ~= '' and is_meant(node, value)
        end
        return ids_known(model, node)[id]
    end)
end

function IDS_OF.lex(_, node, members)
    local ids = {}
    for _, member in ipairs(members) do
        local value, id = value_and_id(member)
        if id and is_value_within(node, value) then
            ids[#ids + 1] = id
        end
    end
    return ids
end

COLLECT.lex = COLLECT.range
