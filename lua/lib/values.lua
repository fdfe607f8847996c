-- The values that a filter by strings means: see lib/strings.

-- @include lib/patterns if patterns

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
