-- Take, keep and give back a lock. Only its holder can do the last two.
--
-- Keys: the lock, a string: the holder's token.
--
-- Request: key, token
--          what = 'acquire', 'refresh' or 'release'
--          hold = how long it is held, in milliseconds
--
-- Reply:   1 if it was done, 0 if the lock is another's, or nobody's any more.
--
-- Repeated by the client library, 'acquire' finds its own token. A 'release' whose first answer was
-- lost says 0, for the lock is then nobody's.

-- @include lib/holding

local request = cmsgpack.unpack(ARGV[1])

local DO = {
    acquire = function()
        return take_hold(request.key, request.token, request.hold)
    end,
    refresh = function(is_ours)
        return is_ours and take_hold(request.key, request.token, request.hold)
    end,
    release = function(is_ours)
        return is_ours and redis.call('DEL', request.key) == 1
    end,
}

local is_ours = redis.call('GET', request.key) == request.token
return DO[request.what](is_ours) and 1 or 0
