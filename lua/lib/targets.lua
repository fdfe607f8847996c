-- The part of a commit that looks at the rows which new links lead to. See ../commit.lua.
--
-- Request: list of {head of the rows' keys, {id, ...}, field that says when a row expires, if there
--          is one}

-- Refuse a link to a row that is deleted or expired. The delete of a row looks for links to it in
-- its own commit, so that whichever of the two comes first, no link is left without a row.
local function objection_to_targets()
    -- @include lib/expiry
    for _, group in ipairs(targets) do
        local head, ids, expiry = group[1], group[2], group[3]
        for _, id in ipairs(ids) do
            local row = head .. id
            if redis.call('EXISTS', row) == 0 or (expiry and has_expired(row, expiry)) then
                return {'missing', row}
            end
        end
    end
end
