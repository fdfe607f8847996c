-- Remove entries of the directory of a sharded model, if they are still what the caller knows.
--
-- Keys: directories (hashes).
--
-- Request: entries = list of {directory, value, entry}: this very entry
--          claims  = list of {directory, value, 'partition:token:'}: the claim of that transaction
--
-- Reply:   'ok'

local request = cmsgpack.unpack(ARGV[1])
for _, known in ipairs(request.entries or {}) do
    if redis.call('HGET', known[1], known[2]) == known[3] then
        redis.call('HDEL', known[1], known[2])
    end
end
for _, claim in ipairs(request.claims or {}) do
    local entry = redis.call('HGET', claim[1], claim[2])
    if entry and entry:sub(1, #claim[3]) == claim[3] then
        redis.call('HDEL', claim[1], claim[2])
    end
end
return {'ok'}
