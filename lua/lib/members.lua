-- The members of an index of strings: a value, a NUL and an id.

-- @include lib/values

local function value_and_id(member)
    return string.match(member, '^(.*)%z(.*)$')
end

local function is_value_within(node, value)
    return node.plain or is_meant(node, value)
end
