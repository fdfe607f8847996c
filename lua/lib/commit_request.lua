-- The parts of a commit, and what they share. See ../commit.lua, which describes the request.
--
-- A script that includes this has the request in `request`.

local NONE = {}
local sadd, zadd = request.sadd or NONE, request.zadd or NONE
local new, old, deletes = request.new, request.old, request.deletes
local claims, also = request.claims, request.also
local targets, words = request.targets, request.words

-- The objection for an error that says WRONGTYPE; others are raised. Since Redis 7 it is a table.
local function unreadable(key, problem)
    local said = type(problem) == 'table' and problem.err or problem
    if not string.find(said, 'WRONGTYPE', 1, true) then
        error(said)
    end
    return {'unreadable', key}
end

-- The objection to keys of another type than the one to write; `read` is a command for that type.
local function keys_answer(read, keys)
    for key in pairs(keys) do
        local answer = redis.pcall(read, key)
        if type(answer) ~= 'number' then
            return unreadable(key, answer)
        end
    end
end

local function write_each(command, lists)
    for key, arguments in pairs(lists) do
        in_chunks(command, key, arguments)
    end
end

-- @include lib/claims if claims
-- @include lib/new_rows if new
-- @include lib/existing_rows if old
-- @include lib/deletes if deletes
-- @include lib/vocabulary if words
-- @include lib/steps if also
-- @include lib/targets if targets
