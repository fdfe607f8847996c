-- Read rows by their ids, or by unique values.
--
-- Keys: the rows (hashes); for unique values, the hash of value to id.
--
-- Request: head   = what the rows' keys begin with
--          fields = list of the columns wanted
--          ids    = list of ids; or
--          unique = key of a hash, values = list of its fields
--
-- Reply:   list of the ids that exist, in the order asked, repeated ones too;
--          flat list of their values, as many an id as there are fields;
--          list of the ids whose key holds no row.

-- @include lib/chunks
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

local found, values, unreadable = read_rows(
    request.head, request.fields, request.ids or ids_of_unique_values()
)
return {found, values, unreadable}
