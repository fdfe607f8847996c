-- Say how much memory the server may use, and what it evicts when that is full.
--
-- Keys, request: none. So nothing of an access list can be in the way but EVAL itself.
--
-- Reply:   bytes that the server may use, '0' for no limit; the policy, such as 'noeviction'.
--          An empty list where the user may not ask: that is no error.

local info = redis.pcall('INFO', 'memory')
if type(info) ~= 'string' then
    return {}
end
return {info:match('maxmemory:(%d+)') or '0', info:match('maxmemory_policy:(%S+)') or ''}
