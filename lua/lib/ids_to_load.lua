-- The ids of the rows to read. See ../load.lua, which describes the request.
--
-- A script that includes this has the request in `request`.

-- @include lib/chunks
-- @include lib/expiry

local function ids_of_unique_values()
    local ids = {}
    if #request.values == 0 then
        return ids
    end
    for _, id in ipairs(fields_of(request.unique, request.values)) do
        if id then
            ids[#ids + 1] = id
        end
    end
    return ids
end

local function is_left_out(key)
    local expiry, deleted = request.expiry, request.deleted
    return expiry and has_expired(key, expiry)
        or deleted and redis.pcall('HEXISTS', key, deleted) == 1
end

local function those_to_read(ids)
    local kept = {}
    for _, id in ipairs(ids) do
        if not is_left_out(request.head .. id) then
            kept[#kept + 1] = id
        end
    end
    return kept
end

local function ids_to_load()
    local ids = request.ids or ids_of_unique_values()
    return (request.expiry or request.deleted) and those_to_read(ids) or ids
end
