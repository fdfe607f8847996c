-- Find out in the coordinator's partition whether a transaction is committed.
--
-- The hash HEADunfinished has the token of each committed transaction until all partitions have
-- carried it out, so the answer does not depend on a note that expires.
--
-- Keys: KEYS[1], the transaction's note; HEADunfinished, a hash.
--
-- Request: head, token
--          fence = if nothing is decided, decide that it is aborted; a late commit is refused then
--
-- Reply:   'committed', 'aborted' or 'undecided'

-- @include lib/attempt

local asked = cmsgpack.unpack(ARGV[1])
if redis.call('HEXISTS', asked.head .. 'unfinished', asked.token) == 1 then
    return {'committed'}
end
local told = redis.call('GET', KEYS[1])
if told == 'refused' or told == 'void' then
    return {'aborted'}
elseif told then
    return {'committed'}
elseif not asked.fence then
    return {'undecided'}
end
note('void')
return {'aborted'}
