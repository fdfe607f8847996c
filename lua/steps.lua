-- Carry out commands that the caller names, all or none, if what is stored is as expected.
--
-- Keys: those of the commands.
--
-- Request: checks   = list of {{command, key, ...}, {expected or false, ...}}: see lib/steps
--          steps    = list of {command, key, ...}
--          done     = key under which it is noted that this was carried out, with the replies, so
--                     that to be sent again by the client library changes nothing; absent: steps
--                     that may be repeated
--          remember = for so many seconds
--
-- Reply:   'ok', the steps' replies
--          'unreadable', key    a key holds another type
--          'differs', number    what that check (the first: 1) found is not what was expected

-- @include lib/steps

local request = cmsgpack.unpack(ARGV[1])

local before = request.done and redis.call('GET', request.done)
if before then
    return {'ok', cmsgpack.unpack(before)}
end

local objection = objection_to(request.checks, request.steps)
if objection then
    return objection
end

local replies = take_all(request.steps)
if request.done then
    redis.call('SET', request.done, cmsgpack.pack(replies), 'EX', request.remember)
end
return {'ok', replies}
