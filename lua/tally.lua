-- Tally the values of one column in the rows of some ids.
--
-- Keys: the rows (hashes).
--
-- Request: head  = the prefix of the rows' keys
--          tally = {field, way}: see lib/tally
--          ids   = list of ids, each once; ids without a row do not count
--
-- Reply:   the tally; list of the ids whose key holds no row; list of the last ids, if their values
--          would have been too many bytes.

-- @include lib/tally

local request = cmsgpack.unpack(ARGV[1])

return {tally_ids(request.head, request.tally, request.ids)}
