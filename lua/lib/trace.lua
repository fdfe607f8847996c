-- A search that also reports its steps. For lua/search.lua.
--
-- Reply: that of the search with one more part at its end, a packed map:
--
-- steps    list of mode, candidates; mode, candidates...: the steps, and the number of candidates
--          in each; see lib/plan
-- time     the time of the search on the server, in microseconds

-- The time in seconds. Since Redis 7.2, TIME does not change while a script runs; os.clock, the
-- processor time, exists there, but not in the oldest versions.
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

-- A walk may run inner walks, for large groups; only the outermost is counted as a step.
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
