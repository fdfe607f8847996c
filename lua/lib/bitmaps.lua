-- The check that live bitmaps are strings, and their far ids sorted sets, before a commit marks
-- any. See ../commit.lua and live.

-- @include lib/live

-- Return the objection to a key of another type. Where there is no bitmap, check its draft: see
-- lib/live.
local function bitmaps_answer(bitmaps)
    for whole in pairs(bitmaps) do
        local live = whole
        local bytes = redis.pcall('STRLEN', live)
        if bytes == 0 then
            live = live .. ':draft'
            bytes = redis.pcall('STRLEN', live)
        end
        if type(bytes) ~= 'number' then
            return unreadable(live, bytes)
        end
        local far = redis.pcall('ZCARD', whole .. ':far')
        if type(far) ~= 'number' then
            return unreadable(whole .. ':far', far)
        end
        HAS_FAR[whole] = far > 0
    end
end
