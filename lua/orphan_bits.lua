-- Find the bits of the live bitmap whose ids have no row, and clear them on request.
--
-- Keys: the bitmap (a string); the rows.
--
-- Request: head, live = the prefix of the rows' keys; key of the bitmap
--          counter    = key of the counter
--          after      = start above this id, a string
--          count      = the approximate number of ids
--          repair       = true: clear those bits; absent: only find them
--
-- Reply:   'ok', the id to continue after ('' at the end), list of the ids without a row
--          'none'               the model has no bitmap
--          'wrong type', key    the key holds another type

-- @include lib/ids
-- @include lib/dead

local request = cmsgpack.unpack(ARGV[1])

local function story()
    local model = open_model(request.head, request.live, request.counter)
    if not model.bytes then
        return {'none'}
    end
    local strays = {}
    local ids, reached = ids_above(model, tonumber(request.after), tonumber(request.count))
    for _, id in ipairs(ids) do
        if redis.call('EXISTS', request.head .. id) == 0 then
            strays[#strays + 1] = id
            if request.repair then
                mark_dead(request.live, {id})
            end
        end
    end
    return {'ok', reached and write_id(reached) or '', strays}
end

return tell(story)
