-- A search that is carried out, and also tells what it did. For lua/search.lua.
--
-- Reply: that of the search with one part more at its end, a packed map:
--
-- steps    list of mode, candidates; mode, candidates...: how it went about it, and how many it
--          looked at meanwhile; see lib/plan
-- time     microseconds of the server's time

-- Seconds. From version 7.2 on, TIME stands still while a script runs. But there is a clock then,
-- of the processor's time, which the oldest versions lack.
local function seconds()
    -- luacheck: ignore 113
    local has_clock, clock = pcall(function() return os.clock() end)
    if has_clock then
        return clock
    end
    local time = redis.call('TIME')
    return tonumber(time[1]) + tonumber(time[2]) / 1000000
end

local function add_step(steps, mode, looked)
    if steps[#steps - 1] == mode then
        steps[#steps] = steps[#steps] + looked
    else
        steps[#steps + 1] = mode
        steps[#steps + 1] = looked
    end
end

-- Walks begin others, for large groups: only the outermost is a step.
local function watch(steps)
    take_step = function(step, search, position)
        local mode, before = position.mode, search.pace.looked
        local following = step(search, position)
        add_step(steps, mode, search.pace.looked - before)
        return following
    end
end

function STORY.report()
    local begun, steps = seconds(), {}
    watch(steps)
    local answer = story()
    local time = math.floor((seconds() - begun) * 1000000)
    answer[#answer + 1] = cmsgpack.pack({steps = steps, time = time})
    return answer
end
