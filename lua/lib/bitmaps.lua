-- The check that live bitmaps are strings, and their far ids sorted sets, before a commit marks
-- any. See ../commit.lua and live.

-- @include lib/live

-- Return the objection to a key of another type. Where there is no bitmap, check its draft: see
-- lib/live. Far ids are looked at only if an id may be one: most are within the bitmap.
local function bitmaps_answer(bitmaps)
    for live, ids in pairs(bitmaps) do
        local is_string, bitmap, bits = pcall(bitmap_to_mark, live)
        if not is_string then
            local is_there = redis.call('EXISTS', live) == 1
            return unreadable(is_there and live or live .. ':draft', bitmap)
        elseif #ids > 1 or tonumber(ids[1]) >= bits then
            local is_set, problem = pcall(has_far, live)
            if not is_set then
                return unreadable(live .. FAR, problem)
            end
        end
    end
end
