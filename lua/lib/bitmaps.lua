-- Bitmaps of live ids must be strings before any is marked. See ../commit.lua and live.

-- Where there is no bitmap of live ids, there may be a draft of one: see lib/live.
local function bitmaps_answer(bitmaps)
    for live in pairs(bitmaps) do
        local bytes = redis.pcall('STRLEN', live)
        if bytes == 0 then
            live = live .. ':draft'
            bytes = redis.pcall('STRLEN', live)
        end
        if type(bytes) ~= 'number' then
            return unreadable(live, bytes)
        end
    end
end
