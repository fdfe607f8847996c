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

-- @include lib/call
-- @include lib/rows

local request

-- @include lib/ids_to_load

-- @each call

CALL, request = {}, cmsgpack.unpack(ARGV[1])

return {read_rows(request.head, request.fields, ids_to_load())}
