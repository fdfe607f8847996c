-- Make or mend the live bitmap: look up the rows of some ids, and set the bits of these ids.
--
-- Data of rom 1.x has no bitmap. This script first makes a draft. From then on writers mark the
-- draft, too, so it misses none of their rows. After the last id, the draft becomes the bitmap. An
-- existing bitmap is mended in place.
--
-- Keys: the rows; the bitmap and its draft (strings); the counter; a lock (a string).
--
-- Request: head, live, draft, counter = the prefix of the rows' keys; keys
--          by, token = key of the lock; the caller's token
--          hold      = how long the lock is held, in milliseconds
--          first     = the first id to look up, as a string; '0' starts
--          count     = the number of ids
--          highest   = the highest id that the caller knows of, in case the counter is lower
--
-- Reply:   'more', the next id, the last one;  'done', the last id
--          'busy'      another caller holds the lock
--          'given up'  the ids are too large, or too far apart

-- @include lib/live
-- @include lib/far
-- @include lib/lease

local request = cmsgpack.unpack(ARGV[1])

local function last_id(bits)
    local counted = tonumber(redis.call('GET', request.counter) or '0')
    if first_far(request.live) < math.huge then
        return bits - 1  -- the ids beyond are kept as far ids, see lib/far
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

-- The script itself.

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
    redis.call('DEL', request.live .. FAR)
    redis.call('RENAME', request.draft, request.live)
end
redis.call('DEL', request.by)
return {'done', string.format('%.0f', last)}
