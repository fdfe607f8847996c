-- The part of a commit that looks at the rows which new links and references lead to. See
-- ../commit.lua.
--
-- Request: list of {head of the rows' keys, {id, ...}, field that says when a row expires or false,
--          field that says when it was soft-deleted or false}

-- Refuse a link or a reference to a row that is deleted, soft-deleted or expired. The delete of a
-- row looks for those to it in its own commit, so that whichever of the two comes first, none is
-- left without a row.
local function objection_to_targets()
    -- @include lib/expiry
    for _, group in ipairs(targets) do
        local head, ids, expiry, deleted = group[1], group[2], group[3], group[4]
        for _, id in ipairs(ids) do
            local row = head .. id
            if redis.call('EXISTS', row) == 0
                or (expiry and has_expired(row, expiry))
                or (deleted and redis.call('HEXISTS', row, deleted) == 1) then
                return {'missing', row}
            end
        end
    end
end
