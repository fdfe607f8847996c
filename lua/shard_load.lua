-- Read rows of one partition of a sharded model, by their ids or by unique values.
--
-- A row that a transaction is about to write is not read before the caller has asked whether the
-- transaction is committed.
--
-- Keys: those of load.lua; HEADintents, a hash, see lib/intents.
--
-- Request: that of load.lua, and
--          intents = the hash of intents
--          anyway  = read the rows as they are
--
-- Reply:   that of load.lua, or
--          'locked', {intent, ...}

-- @include lib/rows

local request = cmsgpack.unpack(ARGV[1])

-- @include lib/ids_to_load

local ids = ids_to_load()

local function intents_on_rows()
    local rows, found = {}, {}
    for position, id in ipairs(ids) do
        rows[position] = request.head .. id
    end
    for _, intent in ipairs(#rows > 0 and fields_of(request.intents, rows) or {}) do
        if intent then
            found[#found + 1] = intent
        end
    end
    return #found > 0 and found
end

if not request.anyway and redis.call('EXISTS', request.intents) == 1 then
    local intents = intents_on_rows()
    if intents then
        return {'locked', intents}
    end
end
return {read_rows(request.head, request.fields, ids)}
