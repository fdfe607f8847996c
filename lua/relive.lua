-- Make the bitmap of live ids, or mend it: look at some ids, and set their bits to what is so.
--
-- Data of rom 1.x has no bitmap. A draft is made first; from then on writers mark it too, so that
-- it misses nothing that happens beside us; when all ids have been looked at, it takes its place.
-- Where there is a bitmap already, its bits are set right in place.
--
-- Keys: the rows; the bitmap and its draft (strings); the counter; a string that says who is at it.
--
-- Request: head, live, draft, counter = what the rows' keys begin with; keys
--          by, token = key that says who is at it, and who we are
--          hold      = for so many milliseconds nobody else is
--          first     = the first id to look at, as a string; '0' begins
--          count     = how many
--          highest   = the highest id that is known of, should the counter be behind it
--
-- Reply:   'more', the next id, the last one;  'done', the last id
--          'busy'      somebody else is at it
--          'given up'  the ids are too large, or too far apart

-- @include lib/live
-- @include lib/far
-- @include lib/holding

local request = cmsgpack.unpack(ARGV[1])

local function last_id(bits)
    local counted = tonumber(redis.call('GET', request.counter) or '0')
    if first_far(request.live) < math.huge then
        return bits - 1  -- what is beyond is no matter of bits
    end
    return math.max(counted, tonumber(request.highest), bits - 1)
end

local function set_right(bitmap, first, last)
    for number = first, last do
        local id = string.format('%.0f', number)
        local is_there = redis.call('EXISTS', request.head .. id)
        if redis.call('GETBIT', bitmap, id) ~= is_there then
            redis.call('SETBIT', bitmap, id, is_there)
        end
    end
end

local function give_up()
    redis.call('DEL', request.draft, request.by)
    return {'given up'}
end

-- The story.

if not take_hold(request.by, request.token, request.hold) then
    return {'busy'}
end

local first = tonumber(request.first)
if first == 0 and redis.call('EXISTS', request.live) == 0 then
    redis.call('SET', request.draft, '\0')
end
local bitmap, bits = bitmap_to_mark(request.live)
local last = last_id(bits)
if bits == 0 or last >= MOST_BITS or first > bits + LARGEST_GAP then
    return give_up()
end
local stop = math.min(first + request.count - 1, last)
set_right(bitmap, first, stop)
if stop < last then
    return {'more', string.format('%.0f', stop + 1), string.format('%.0f', last)}
end
if bitmap == request.draft then
    redis.call('DEL', far_of(request.live))
    redis.call('RENAME', request.draft, request.live)
end
redis.call('DEL', request.by)
return {'done', string.format('%.0f', last)}
