-- Put a counter above ids that come from elsewhere, so that none of them is given out again.
--
-- Keys: the counter, a string; the live bitmap and the fingerprint, which begin with the first id.
--
-- Request: counter = key
--          live    = key of the bitmap; absent: the model has no bitmap
--          id      = the highest of the ids, as a string; '0' if the counter is only to be read
--          stamp   = {key, text}: the fingerprint, written with the first id; absent: not written
--          epochs  = key, see lib/counter; absent: the counter has no epochs
--
-- Reply:   the counter. A higher counter stays as it is, so the script may be repeated.

-- @include lib/counter
-- @include lib/put_ahead

local request = cmsgpack.unpack(ARGV[1])
local counter, live, id = request.counter, request.live, request.id

if (redis.call('GET', counter) or '0') == '0' then
    -- the first id: also write the keys that begin with it
    local epochs = request.epochs
    local known = epochs and redis.call('MGET', epochs)[1]
    take_ids(counter, live, id, request.stamp, epochs, known)
else
    put_ahead(counter, id)
end
return redis.call('GET', counter)
