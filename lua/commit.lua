-- Write any number of entities, all or nothing.
--
-- First everything is looked at: the rows must be as the writer saw them, the unique values free,
-- and every key of the right type. Only then is anything written, one command a key. A request that
-- arrives again (the client library repeats it when a connection breaks) finds a note of the first
-- answer. A row that shows the outcome would be no proof: of two that add 1 to 5, the second must
-- not take the first one's 6 for its own.
--
-- Keys, by their form in the contract: rows (hashes), unique values (hashes), words (sets),
-- numbers, prefixes and suffixes (sorted sets), live ids (bitmaps), a counter and the epochs of
-- counters (strings); KEYS[1], the attempt's.
--
-- Request: at        = when the request was made, see lib/attempt; absent: it may be repeated
--          take      = {counter, live, stamp, epochs}: the only insert gets its id here. Until
--                      then it is '' at the end of its key and of all its members, and as the
--                      holder of its unique values. See lib/counter
--          inserts   = list of {head of the key, id, primary key field, field, value, ...}; the
--                      primary key's is false where the row says itself what its id is
--          highest   = {[counter] = the highest id of the inserts that bring theirs along}
--          claims    = list of {hash, {value, ...}, {id, ...}, head of the rows' keys, column that
--                      says when a row expires, if there is one}
--          sadd      = {[set] = {member, ...}}
--          zadd      = {[sorted set] = {score, member, ...}}
--          born      = {[bitmap] = {id, ...}}
--          old       = what concerns rows that are there, see lib/old
--          also      = {checks, steps}: commands of the caller's own, see lib/steps
--
-- What is empty may be left out of the request.
--
-- Reply:   'ok', the id taken or ''; or a 1 for each of those that was there, a 0 for the others
--          'void'; 'late', time              see lib/attempt
--          'unreadable', key                 a key holds another type
--          'deleted', row                    an updated row is gone
--          'expired', row                    an updated row has expired
--          'race', row, field, ...           these fields are not as expected
--          'lost', row                       the row that was read is lost, and this is another
--          'exists', row                     an inserted row is there already
--          'unique', hash, value, id, holder the value belongs to another
--          'referenced', key, member         somebody else refers to an id that is to go
--          'differs', number                 one of the caller's own checks

-- @include lib/attempt
-- @include lib/chunks
-- @include lib/counter
-- @include lib/expiry
-- @include lib/live

local request = cmsgpack.unpack(ARGV[1])
local NONE = {}
local taking, inserts, claims = request.take, request.inserts or NONE, request.claims or NONE
local sadd, zadd, born = request.sadd or NONE, request.zadd or NONE, request.born or NONE

-- Looking.

local function count_existing(keys)
    local count = 0
    for first = 1, #keys, CHUNK do
        local last = math.min(first + CHUNK - 1, #keys)
        count = count + redis.call('EXISTS', unpack(keys, first, last))
    end
    return count
end

local function counters_answer(highest)
    for counter in pairs(highest) do
        if not next_id(counter) then
            return {'unreadable', counter}
        end
    end
end

-- The only insert has its id from here on, though it is taken later.
local function id_is_to_be_had()
    local id = next_id(taking[1])
    if not id then
        return {'unreadable', taking[1]}
    end
    inserts[1][2] = id
end

local function new_rows_are_free()
    local rows = {}
    for position, insert in ipairs(inserts) do
        rows[position] = insert[1] .. insert[2]
    end
    if count_existing(rows) > 0 then
        for _, row in ipairs(rows) do
            if count_existing({row}) > 0 then
                return {'exists', row}
            end
        end
    end
end

-- A key is of another type, if that is what the error says. It is a table since Redis 7.
local function unreadable(key, problem)
    local said = type(problem) == 'table' and problem.err or problem
    if not string.find(said, 'WRONGTYPE', 1, true) then
        error(said)
    end
    return {'unreadable', key}
end

-- Keys must be of the type that is about to be written: `read` is a command for that type.
local function keys_answer(read, keys)
    for key in pairs(keys) do
        local answer = redis.pcall(read, key)
        if type(answer) ~= 'number' then
            return unreadable(key, answer)
        end
    end
end

-- Where there is no bitmap of live ids, there may be a draft of one: see lib/live.
local function bitmaps_answer(bitmaps)
    for live in pairs(bitmaps) do
        local bytes = redis.pcall('STRLEN', live)
        if bytes == 0 then
            live = live .. ':draft'
            bytes = redis.pcall('STRLEN', live)
        end
        if type(bytes) ~= 'number' then
            return unreadable(live, bytes)
        end
    end
end

local function lives(row, expiry)
    return redis.call('EXISTS', row) == 1 and not (expiry and has_expired(row, expiry))
end

-- A value is free that nobody has, or its holder gives up now, or whose holder's row is gone or has
-- expired. `given_up` has the former holder by value, of each hash.
local function claims_are_free(given_up)
    for _, claim in ipairs(claims) do
        local hash, values, ids, head, expiry = unpack(claim, 1, 5)
        local is_hash, holders = pcall(fields_of, hash, values)
        if not is_hash then
            return unreadable(hash, holders)
        end
        local leaving, taken = given_up[hash] or NONE, {}
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
    append(sadd, 1)
    append(zadd, 2)
    append(born, 1)
    for _, claim in ipairs(claims) do
        append({claim[3]}, 1)
    end
end

local function write_new_rows()
    for _, insert in ipairs(inserts) do
        local head, id, primary = insert[1], insert[2], insert[3]
        insert[2], insert[3] = primary, id
        in_chunks('HSET', head .. id, insert, primary and 2 or 4)
    end
end

local function write_claims()
    for _, claim in ipairs(claims) do
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

-- @include lib/old if old
-- @include lib/steps if also

-- The story.

local at = request.at
local answer = at and earlier_answer(at)
if answer then
    return answer
end

local old, also = request.old, request.also
local highest = request.highest or NONE
local objection = (taking and id_is_to_be_had())
    or counters_answer(highest)
    or new_rows_are_free()
    or (old and objection_to_old(old))
    or keys_answer('SCARD', sadd)
    or keys_answer('ZCARD', zadd)
    or bitmaps_answer(born)
    or claims_are_free(old and given_up(old) or NONE)
    or (old and only_known_references(old))
    or (also and objection_to(also.checks, also.steps))
if objection then
    return at and refuse(objection) or objection
end

local told = ''
if taking then
    take_ids(taking[1], taking[2], '1', taking[3], taking[4])
    told = inserts[1][2]
    complete(told)
end
for counter, id in pairs(highest) do
    put_ahead(counter, id)
end
write_new_rows()
if old then
    local found = write_old(old)
    told = old.tell and found or told
end
write_claims()
write_each('SADD', sadd)
write_each('ZADD', zadd)
for bitmap, ids in pairs(born) do
    mark_live(bitmap, ids)
end
if also then
    take_all(also.steps)
end
if at then
    note(told)
end
return {'ok', told}
