-- Take ids for entities that will be written later.
--
-- Keys: the counter, a string; the live bitmap and the fingerprint, a string: both begin with the
-- first id; the epochs of the counter, a string.
--
-- Request: counter = key
--          live    = key of the bitmap; absent: the model has no bitmap
--          count   = the number of ids, as a string
--          stamp   = {key, text}: the fingerprint, written with the first id; absent: not written
--          epochs  = key, see lib/counter; absent: the counter has no epochs
--
-- Reply:   the last id taken; the others are those just below it. If the key has a value that
--          cannot be counted up: a list with that value.
--
-- If the client library repeats the request, some ids are skipped, which does no harm.

-- @include lib/counter

local request = cmsgpack.unpack(ARGV[1])
if not next_id(request.counter) then
    return {redis.call('GET', request.counter)}
end
local epochs = request.epochs
local known = epochs and redis.call('MGET', epochs)[1]
take_ids(request.counter, request.live, request.count, request.stamp, epochs, known)
return redis.call('GET', request.counter)
