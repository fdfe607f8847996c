-- Probing a filter by strings: see lib/strings.

-- @include lib/known
-- @include lib/lists
-- @include lib/values

-- The indexed form of a row's value; nil if only Python can make it.
local function as_indexed(node, stored)
    if string.find(stored, '[\128-\255]') then
        return nil
    end
    local value = node.lowers and string.lower(stored) or stored
    return node.turned and string.reverse(value) or value
end

-- An index of strings cannot be searched by id. So the values are read from the rows if these have
-- them; else all ids of the range are collected.
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
