-- Write any number of entities, all or nothing.
--
-- First everything is looked at: the rows must be as the writer saw them, the unique values free,
-- and every key of the right type. Only then is anything written, one command a key. A script that
-- was carried out and is sent again (the client library does that when a connection breaks) finds
-- its own note and succeeds again.
--
-- Keys, by their form in the contract: rows (hashes), unique values (hashes), words (sets),
-- numbers, prefixes and suffixes (sorted sets), live ids (bitmaps), a counter and a note of what is
-- done (strings).
--
-- Request: done      = key under which it is noted that this commit was carried out. A row that
--                      shows the outcome is no proof of it: of two that add 1 to 5, the second
--                      must not take the first one's 6 for its own
--          remember  = for so many seconds
--          take      = {counter, live, stamp}: the only insert gets its id here. Until then it is
--                      '' at the end of its key and of all its members, and as the holder of its
--                      unique values. stamp is {key, what it says}, for the first id ever; or none
--          inserts   = list of {head of the key, id, primary key field, {field, value, ...}}; the
--                      field is false where the row says itself what its id is
--          updates   = list of {key, {field, ...}, {expected value or false, ...},
--                      {new value or false, ...}}; the new values go with the first fields, the
--                      others are only compared; then the column that says when the row
--                      expires, if one that has expired may not be written
--          deletes   = list of {key, {field, ...}, {expected value or false, ...}}
--          releases  = list of {hash, {value, ...}, {id, ...}}
--          claims    = list of {hash, {value, ...}, {id, ...}, head of the rows' keys, column that
--                      says when a row expires, if there is one}
--          sets      = {remove = {[key] = {member, ...}}, add = {[key] = {member, ...}}}
--          zsets     = {remove = {[key] = {member, ...}}, add = {[key] = {score, member, ...}}}
--          guards    = list of {sorted set, id, head of the rows' keys, field,
--                      {[member] = true}}: no other row holds that id in that field
--          born, died = {[bitmap] = {id, ...}}
--          dropped   = list of keys to delete, whatever they hold
--          strings   = {[key] = value}, or none
--          tell      = reply what was there of the rows to delete, and of the keys to drop behind
--                      them, instead of the id taken
--          also      = {checks, steps}: commands of the caller's own, see lib/steps; or none
--
-- Reply:   'ok', the id taken or ''; or a 1 for each of those that was there, a 0 for the others
--          'unreadable', key                 a key holds another type
--          'deleted', row                    an updated row is gone
--          'expired', row                    an updated row has expired
--          'race', row, field, ...           these fields are not as expected
--          'exists', row                     an inserted row is there already
--          'unique', hash, value, id, holder the value belongs to another
--          'referenced', key, member         somebody else refers to an id that is to go
--          'differs', number                 one of the caller's own checks

-- @include lib/chunks
-- @include lib/counter
-- @include lib/expiry
-- @include lib/live
-- @include lib/steps if also

local request = cmsgpack.unpack(ARGV[1])

-- Looking.

local function done_before()
    return request.done and redis.call('GET', request.done)
end

local function new_rows_are_free()
    for _, insert in ipairs(request.inserts) do
        local head, id = insert[1], insert[2]
        if id == '' then
            id = next_id(request.take[1])
        end
        if redis.call('EXISTS', head .. id) == 1 then
            return {'exists', head .. id}
        end
    end
end

-- Which of the fields differ from what was expected.
local function differences(fields, found, expected)
    local differing = {}
    for position, field in ipairs(fields) do
        if found[position] ~= expected[position] then
            differing[#differing + 1] = field
        end
    end
    return differing
end

local function is_empty(values)
    for _, value in ipairs(values) do
        if value then
            return false
        end
    end
    return true
end

-- Old rows are as expected. What happens to one that is gone is the caller's to say.
local function rows_are_as_expected(rows, when_gone)
    for _, row in ipairs(rows) do
        local key, fields, expected = row[1], row[2], row[3]
        local is_hash, found = pcall(fields_of, key, fields)
        if not is_hash then
            return {'unreadable', key}
        end
        if is_empty(found) and redis.call('EXISTS', key) == 0 then
            if when_gone then
                return {when_gone, key}
            end
        else
            local differing = differences(fields, found, expected)
            if #differing > 0 then
                return {'race', key, unpack(differing)}
            end
        end
    end
end

-- What has expired is updated no more: others may have taken its unique values.
local function updated_rows_have_not_expired()
    for _, update in ipairs(request.updates) do
        local key, expiry = update[1], update[5]
        if expiry and has_expired(key, expiry) then
            return {'expired', key}
        end
    end
end

local function keys_have_type(keys, wanted)
    for key in pairs(keys) do
        local kind = redis.call('TYPE', key).ok
        if kind ~= wanted and kind ~= 'none' then
            return {'unreadable', key}
        end
    end
end

local function hashes(rows)
    local keys = {}
    for _, row in ipairs(rows) do
        keys[row[1]] = true
    end
    return keys
end

local function all_keys_have_their_type()
    return keys_have_type(request.sets.remove, 'set')
        or keys_have_type(request.sets.add, 'set')
        or keys_have_type(request.zsets.remove, 'zset')
        or keys_have_type(request.zsets.add, 'zset')
        or keys_have_type(request.born, 'string')
        or keys_have_type(request.died, 'string')
        or keys_have_type(hashes(request.releases), 'hash')
        or keys_have_type(hashes(request.claims), 'hash')
        or keys_have_type(request.strings or {}, 'string')
end

-- Unique values that this very commit gives up: hash, then value, to the id that had it.
local function given_up()
    local all = {}
    for _, release in ipairs(request.releases) do
        local holders = {}
        for position, value in ipairs(release[2]) do
            holders[value] = release[3][position]
        end
        all[release[1]] = holders
    end
    return all
end

local function lives(row, expiry)
    return redis.call('EXISTS', row) == 1 and not (expiry and has_expired(row, expiry))
end

-- A value is free that nobody has, or its holder gives up now, or whose holder's row is gone or has
-- expired.
local function claims_are_free()
    local released = given_up()
    for _, claim in ipairs(request.claims) do
        local hash, values, ids, head, expiry = unpack(claim, 1, 5)
        local holders, leaving, taken = fields_of(hash, values), released[hash] or {}, {}
        for position, value in ipairs(values) do
            local id, holder = ids[position], holders[position]
            if holder and holder ~= id and leaving[value] ~= holder
                and lives(head .. holder, expiry) then
                return {'unique', hash, value, id, holder}
            end
            if taken[value] and taken[value] ~= id then
                return {'unique', hash, value, id, taken[value]}
            end
            taken[value] = id
        end
    end
end

-- The index finds them and the row decides: an entry may be left over from a row that is gone, and
-- large ids that differ may have one score.
local function only_known_references()
    for _, guard in ipairs(request.guards) do
        local key, id, head, field, known = guard[1], guard[2], guard[3], guard[4], guard[5]
        for _, member in ipairs(redis.call('ZRANGEBYSCORE', key, id, id)) do
            if not known[member] and redis.pcall('HGET', head .. member, field) == id then
                return {'referenced', key, member}
            end
        end
    end
end

-- Writing.

-- Put the id that was taken where the request has none.
local function complete(id)
    local function append(lists, step)
        for _, list in pairs(lists) do
            for position = step, #list, step do
                list[position] = list[position] .. id
            end
        end
    end
    request.inserts[1][2] = id
    append(request.sets.add, 1)
    append(request.zsets.add, 2)
    append(request.born, 1)
    for _, claim in ipairs(request.claims) do
        append({claim[3]}, 1)
    end
end

local function write_rows()
    for _, insert in ipairs(request.inserts) do
        local head, id, primary, row = insert[1], insert[2], insert[3], insert[4]
        if primary then
            row[#row + 1] = primary
            row[#row + 1] = id
        end
        in_chunks('HSET', head .. id, row)
    end
    for _, update in ipairs(request.updates) do
        local key, fields, becomes = update[1], update[2], update[4]
        local set, unset = {}, {}
        for position, value in ipairs(becomes) do
            if value then
                set[#set + 1] = fields[position]
                set[#set + 1] = value
            else
                unset[#unset + 1] = fields[position]
            end
        end
        in_chunks('HSET', key, set)
        in_chunks('HDEL', key, unset)
    end
end

-- For each row, and for each key behind them, whether it was there.
local function delete_rows()
    local found = {}
    for _, delete in ipairs(request.deletes) do
        found[#found + 1] = redis.call('DEL', delete[1])
    end
    for _, key in ipairs(request.dropped) do
        found[#found + 1] = redis.call('UNLINK', key)
    end
    return table.concat(found)
end

local function write_strings()
    for key, value in pairs(request.strings or {}) do
        redis.call('SET', key, value)
    end
end

local function write_unique_values()
    for _, release in ipairs(request.releases) do
        local hash, values, ids = release[1], release[2], release[3]
        local own = {}
        for position, holder in ipairs(fields_of(hash, values)) do
            if holder == ids[position] then
                own[#own + 1] = values[position]
            end
        end
        in_chunks('HDEL', hash, own)
    end
    for _, claim in ipairs(request.claims) do
        local set = {}
        for position, value in ipairs(claim[2]) do
            set[#set + 1] = value
            set[#set + 1] = claim[3][position]
        end
        in_chunks('HSET', claim[1], set)
    end
end

local function write_each(command, lists)
    for key, arguments in pairs(lists) do
        in_chunks(command, key, arguments)
    end
end

local function write_entries()
    write_each('SREM', request.sets.remove)
    write_each('ZREM', request.zsets.remove)
    write_each('SADD', request.sets.add)
    write_each('ZADD', request.zsets.add)
end

local function write_live_ids()
    for bitmap, ids in pairs(request.born) do
        mark_live(bitmap, ids)
    end
    for bitmap, ids in pairs(request.died) do
        mark_dead(bitmap, ids)
    end
end

-- The story.

local id = done_before()
if id then
    return {'ok', id}
end

local objection = new_rows_are_free()
    or updated_rows_have_not_expired()
    or rows_are_as_expected(request.updates, 'deleted')
    or rows_are_as_expected(request.deletes, nil)
    or all_keys_have_their_type()
    or claims_are_free()
    or only_known_references()
    or (request.also and objection_to(request.also.checks, request.also.steps))
if objection then
    return objection
end

id = ''
if request.take then
    id = take_ids(request.take[1], request.take[2], '1', request.take[3])
    complete(id)
end
write_rows()
local found = delete_rows()
if request.tell then
    id = found
end
write_strings()
write_unique_values()
write_entries()
write_live_ids()
if request.also then
    take_all(request.also.steps)
end
if request.done then
    redis.call('SET', request.done, id, 'EX', request.remember)
end
return {'ok', id}
