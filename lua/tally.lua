-- Tally what the rows of some ids hold in one column.
--
-- Keys: the rows (hashes).
--
-- Request: head  = what the rows' keys begin with
--          tally = {field, way}: see lib/tally
--          ids   = list of ids, each once; one whose row is gone does not count
--
-- Reply:   the tally; list of the ids whose key holds no row; list of the last ids, if their values
--          would have been too many bytes.

-- @include lib/tally

local request = cmsgpack.unpack(ARGV[1])

return {tally_ids(request.head, request.tally, request.ids)}
