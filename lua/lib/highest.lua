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
        put_ahead(counter, id)
    end
end
