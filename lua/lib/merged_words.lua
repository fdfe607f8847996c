-- Groups of several words that count as one: see lib/bm25.

-- @include lib/bm25
-- @include lib/lists

-- Read all postings of a group, and add the frequencies of each text, or of each among the keys of
-- the table `wanted`.
local function merge(group, wanted)
    local tf_of, length_of, ids = {}, {}, {}
    for _, posting in ipairs(group) do
        local flat = ask('ZRANGE', posting.key, 0, -1, 'WITHSCORES')
        spend(#flat)
        for place = 1, #flat, 2 do
            local id = flat[place]
            if not wanted or wanted[id] then
                local tf, length = unpack_posting(tonumber(flat[place + 1]))
                if not tf_of[id] then
                    ids[#ids + 1] = id
                end
                tf_of[id] = (tf_of[id] or 0) + tf * posting.closeness
                length_of[id] = length
            end
        end
    end
    group.tf_of, group.length_of, group.ids, group.wanted = tf_of, length_of, ids, wanted
    if wanted then
        return
    end
    group.best = 0
    for id, tf in pairs(tf_of) do
        group.best = math.max(group.best, worth_of(group, tf, length_of[id]))
    end
end

local function ids_of_merged(group)
    if not group.tf_of or group.wanted then
        merge(group)
    end
    return group.ids
end

-- Look up few candidates in the postings of a group; return the frequencies and lengths by id.
local function look_up(group, ids)
    local tf_of, length_of = {}, {}
    for _, posting in ipairs(group) do
        spend(#ids)
        for place, packed in ipairs(ask_each('ZMSCORE', posting.key, ids)) do
            if packed then
                local id, tf, length = ids[place], unpack_posting(tonumber(packed))
                tf_of[id], length_of[id] = (tf_of[id] or 0) + tf * posting.closeness, length
            end
        end
    end
    return tf_of, length_of
end

-- The frequencies and the lengths of at least these candidates, whichever way reads less. `wanted`
-- may have more candidates, which come later.
local function frequencies_among(group, ids, wanted)
    local is_read = group.tf_of and (not group.wanted or group.wanted == wanted)
    if not is_read and #ids * #group < group.size then
        return look_up(group, ids)
    elseif not is_read then
        merge(group, wanted)
    end
    return group.tf_of, group.length_of
end
