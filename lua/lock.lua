-- Acquire, refresh and release a lock. Only its holder can do the last two.
--
-- Keys: the lock, a string: the holder's token.
--       the lock's name, ':void:' and a token: this token must not acquire the lock; it expires.
--
-- Request: key, token, what = 'acquire', 'refresh', 'release', or 'void', which also releases
--          hold = how long it is held, in milliseconds; with 'void', how long that is remembered
--
-- Reply:   1 if it was done, 0 if another token or no token holds the lock.
--
-- If the client library repeats an 'acquire', it finds its own token. A repeated 'release' replies
-- 0, because the first one has freed the lock. An 'acquire' may also arrive on a broken connection
-- after its sender gave up waiting. But the sender has sent 'void' before, so Redis refuses that
-- 'acquire' whenever it arrives.

-- @include lib/lease

local request = cmsgpack.unpack(ARGV[1])
local void_key = request.key .. ':void:' .. request.token

local function release(is_ours)
    return is_ours and redis.call('DEL', request.key) == 1
end

local DO = {
    acquire = function(is_ours)
        if not is_ours and redis.call('EXISTS', void_key) == 1 then
            return false
        end
        return take_hold(request.key, request.token, request.hold)
    end,
    refresh = function(is_ours)
        return is_ours and take_hold(request.key, request.token, request.hold)
    end,
    release = release,
    void = function(is_ours)
        redis.call('SET', void_key, '', 'PX', request.hold)
        return release(is_ours)
    end,
}

local is_ours = redis.call('GET', request.key) == request.token
return DO[request.what](is_ours) and 1 or 0
