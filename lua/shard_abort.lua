-- Remove what was prepared for a transaction that is not committed, and never will be.
--
-- A copy of its request that arrives later is refused.
--
-- Keys: KEYS[1], the transaction's note in this partition; HEADintents and HEADprepared, hashes.
--
-- Request: head, token
--
-- Reply:   'ok'

-- @include lib/attempt
-- @include lib/prepared

local asked = cmsgpack.unpack(ARGV[1])
local kept = prepared_here(asked.head, asked.token)
if kept then
    remove_intents(asked.head, asked.token, kept)
end
note('void')
return {'ok'}
