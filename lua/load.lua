-- Read rows by their ids, or by unique values.
--
-- Keys: the rows (hashes); for unique values, the hash of value to id.
--
-- Request: head   = the prefix of the rows' keys
--          fields = list of the columns to read
--          ids    = list of ids; or
--          unique = key of a hash, values = list of its fields
--          expiry = the ExpireAt column, to leave out expired entities; absent: keep them
--          deleted = the column that marks soft-deleted entities, to leave them out; or absent
--
-- Reply:   list of the ids that exist, in the order of the request, with repetitions; their rows,
--          see lib/rows; list of the ids whose key holds no row; list of the last ids, if their
--          rows would have been too many bytes.

-- @include lib/chunks
-- @include lib/expiry
-- @include lib/rows

local request = cmsgpack.unpack(ARGV[1])

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

local ids = request.ids or ids_of_unique_values()
if request.expiry or request.deleted then
    ids = those_to_read(ids)
end
return {read_rows(request.head, request.fields, ids)}
