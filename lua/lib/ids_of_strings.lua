-- The ids of members of an index of strings: see lib/ranges.

-- @include lib/members

function IDS_OF.lex(_, node, members, may_stop)
    local ids = {}
    for position, member in ipairs(members) do
        if may_stop and position > 1 and is_spent() then
            return ids, position - 1
        end
        local value, id = value_and_id(member)
        if id and is_value_within(node, value) then
            ids[#ids + 1] = id
        end
    end
    return ids
end
