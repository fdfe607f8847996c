-- Ids whose rows are deleted, taken out of the live bitmap. See live.

-- @include lib/live

local function open_unmarking()
    -- @include lib/far
    return unmark_far
end

local function mark_dead(live, ids)
    local bitmap, bits = bitmap_to_mark(live)
    local beyond = {}
    for _, id in ipairs(ids) do
        if tonumber(id) < bits then
            redis.call('SETBIT', bitmap, id, 0)
        else
            beyond[#beyond + 1] = id
        end
    end
    if #beyond > 0 and has_far(live) then
        open_unmarking()(live, beyond)
    end
end
