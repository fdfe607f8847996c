-- Commands whose key may be of a type that rom never gave it. The script then ends with that key's
-- name, so that the program can be told which it is.

-- Call a command whose first argument is a key.
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

-- Run `story`; what it returns, or a reply that says why there is none.
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
