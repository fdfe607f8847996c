-- The ids of members of an index of strings: see lib/ranges.

-- @include lib/members

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
