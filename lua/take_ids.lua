-- Take ids for entities that will be written later.
--
-- Keys: the counter, a string; the bitmap of live ids and the stamp, a string: both begin with the
-- first id; the epochs of the counter, a string.
--
-- Request: counter = key
--          live    = key of the bitmap; absent: none is kept
--          count   = how many, as a string
--          stamp   = {key, what it says}: which indexes the data has; absent: nothing is said
--          epochs  = key, see lib/counter; absent: none are kept
--
-- Reply:   the last id taken; the others are those just below it.
--
-- Repeated by the client library, it skips ids. Nothing is lost by that.

-- @include lib/counter

local request = cmsgpack.unpack(ARGV[1])
local epochs = request.epochs
local known = epochs and redis.call('MGET', epochs)[1]
take_ids(request.counter, request.live, request.count, request.stamp, epochs, known)
return redis.call('GET', request.counter)
