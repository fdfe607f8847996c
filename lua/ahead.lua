-- Put a counter of ids ahead of ids that come from elsewhere, so that none is given out again.
--
-- Keys: the counter, a string; the bitmap of live ids and the stamp, which begin with the first id.
--
-- Request: counter = key
--          live    = key of the bitmap; absent: none is kept
--          id      = the highest of the ids, as a string
--          stamp   = {key, what it says}: which indexes the data has; absent: nothing is said
--          epochs  = key, see lib/counter; absent: none are kept
--
-- Reply:   OK. A counter that is there already stays, so it may be repeated.

-- @include lib/counter
-- @include lib/put_ahead

local request = cmsgpack.unpack(ARGV[1])
local counter, live, id = request.counter, request.live, request.id

if (redis.call('GET', counter) or '0') == '0' then
    -- the first, and with it all that begins with the first
    local epochs = request.epochs
    local known = epochs and redis.call('MGET', epochs)[1]
    take_ids(counter, live, id, request.stamp, epochs, known)
else
    put_ahead(counter, id)
end
return 'OK'
