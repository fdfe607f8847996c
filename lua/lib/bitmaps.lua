-- The check that live bitmaps are strings, before a commit marks any. See ../commit.lua and live.

-- Return the objection to a bitmap of another type. Where there is no bitmap, check its draft: see
-- lib/live.
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
