-- Collecting the ids of filters by ids: see lib/by_ids.

-- @include lib/far_names
-- @include lib/ids
-- @include lib/lists
-- @include lib/numbers

local WINDOW = 8192        -- ids looked up with one read
local WINDOW_BYTES = 1024  -- of the bitmap

-- Append those of some ascending ids that are far ids.
local function append_far(model, ids, live)
    local padded = {}
    for place, id in ipairs(ids) do
        padded[place] = as_far(id)
    end
    for place, score in ipairs(ask_each('ZMSCORE', model.live .. FAR, padded)) do
        if score then
            live[#live + 1] = ids[place]
        end
    end
    return live
end

-- Those of some ascending ids that are live. Reading windows of the bitmap takes half as long as
-- GETBIT for each id.
local function live_ids(model, ids)
    local live, far, bits, first, window = {}, {}, model.bytes * 8, 0, ''
    for _, id in ipairs(ids) do
        local number = tonumber(id)
        local place = math.floor(number / 8)
        if number < bits and place >= first + #window then
            first, window = place, ask('GETRANGE', model.live, place, place + WINDOW_BYTES - 1)
        end
        local byte = number < bits and string.byte(window, place - first + 1)
        if byte and bit.band(byte, bit.rshift(128, number % 8)) ~= 0 then
            live[#live + 1] = id
        elseif number >= bits and model.far > 0 then
            far[#far + 1] = id
        end
    end
    return #far > 0 and append_far(model, far, live) or live
end

function COLLECT.ids(model, node)
    return model.bytes and live_ids(model, node.ids) or KEEP.all(model, nil, node.ids)
end

-- Two values may belong to one id, so the ids are sorted, and each is kept once.
function COLLECT.unique(model, node)
    return COLLECT.ids(model, {ids = sorted_ids(node.ids)})
end

function COLLECT.between(model, node)
    local ids, looked = {}, node.size > 0 and node.lowest - 1
    while looked and looked < node.highest do
        local some
        some, looked = ids_above(model, looked, WINDOW)
        append(ids, keep(model, node, some))
    end
    return ids
end
