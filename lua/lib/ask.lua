-- Commands whose key may hold a type that rom never writes there. The script then ends with the
-- name of the key, so that the error message can name it.

-- Call a command whose first argument is a key; raise {status, what} for a key of another type.
local function ask(command, key, ...)
    local reply = redis.pcall(command, key, ...)
    if type(reply) == 'table' and reply.err then
        if string.find(reply.err, 'WRONGTYPE', 1, true) then
            error({status = 'wrong type', what = key})
        end
        error(reply.err)
    end
    return reply
end

-- Return the result of the function `story`, or the reply for a {status, what} that it raised.
local function tell(story)
    local is_well, result = pcall(story)
    if is_well then
        return result
    end
    if type(result) == 'table' and result.status then
        return {result.status, result.what}
    end
    error(result)
end
