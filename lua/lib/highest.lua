-- The part of a commit that brings ids along, and puts counters ahead of them. See ../commit.lua
-- and new.

-- @include lib/counter
-- @include lib/put_ahead

local function counters_answer()
    for counter in pairs(new.highest) do
        if not next_id(counter) then
            return {'unreadable', counter}
        end
    end
end

local function put_counters_ahead()
    for counter, id in pairs(new.highest) do
        local live = counter .. 'live'
        local is_first = put_ahead(counter, id)
        -- If a crash lost the first ids of all, it lost the bitmap that began with them.
        if is_first and new.born and new.born[live] and redis.call('EXISTS', live) == 0 then
            redis.call('SETBIT', live, 0, 0)
            LOOKED[live] = nil
        end
    end
end
