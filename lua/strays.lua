-- Look through the bitmap of live ids for bits of ids that have no row; clear them if asked to.
--
-- Keys: the bitmap (a string); the rows.
--
-- Request: head, live = what the rows' keys begin with; key of the bitmap
--          counter    = key of the counter
--          after      = look at the ids above this one, as a string
--          count      = at about so many of them
--          mend       = clear those bits; or none
--
-- Reply:   'ok', where to go on ('' at the end), list of the ids without a row
--          'none'               there is no bitmap
--          'wrong type', key    the key is of another type

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
            if request.mend then
                mark_dead(request.live, {id})
            end
        end
    end
    return {'ok', reached and write_id(reached) or '', strays}
end

return tell(story)
