-- Reply with the server's memory limit and its eviction policy.
--
-- Keys, request: none. So an access list needs to permit no keys, only EVAL itself.
--
-- Reply:   the limit in bytes, '0' for no limit; the policy, such as 'noeviction'.
--          An empty list, not an error, if the user may not run INFO.

local info = redis.pcall('INFO', 'memory')
if type(info) ~= 'string' then
    return {}
end
return {info:match('maxmemory:(%d+)') or '0', info:match('maxmemory_policy:(%S+)') or ''}
