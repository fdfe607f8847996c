-- The values that match a filter by strings: see lib/strings.

-- @include lib/patterns if patterns

local function has_one_of(value, heads)
    for _, head in ipairs(heads or {}) do
        if string.sub(value, 1, #head) == head then
            return true
        end
    end
    return false
end

-- Tell whether a value matches a node; it need not come from the node's range.
local function is_meant(node, value)
    if string.sub(value, 1, #node.head) ~= node.head then
        return false
    end
    if #node.pattern > 0 then
        local is_match, looked = matches(value, #node.head, node.pattern, node.raw)
        spend(looked)
        if not is_match then
            return false
        end
    end
    return not has_one_of(value, node.without)
end
