-- Intents: the rows that a prepared transaction over partitions is about to write.
--
-- The hash HEADintents has the key of each such row, and where its transaction is decided: the
-- number of the coordinator's partition, the transaction's token and the second in which it was
-- prepared, as 'partition:token:second'. Until the transaction is carried out or aborted here, no
-- other commit may write these rows, because they were compared when it was prepared.
--
-- A new link needs its row to stay, but any number of links may lead to one row. So the intents on
-- rows that links lead to are shared: the field is '&' and the key, and holds the intents of all
-- such transactions, with spaces in between. The set of the rows with a link to an id is treated as
-- a row, too: a delete of that id makes sure that the set has no others, and a new link joins it.
--
-- A script that includes this has the parts of a commit, see commit_request.

-- Return the keys of all rows that the commit writes, and of the sets of links that it closes.
local function rows_of_commit()
    local rows = {}
    for _, list in ipairs({old and old.updates or NONE, deletes and deletes.rows or NONE}) do
        for _, row in ipairs(list) do
            rows[#rows + 1] = row[1]
        end
    end
    for _, insert in ipairs(new and new.inserts or NONE) do
        rows[#rows + 1] = insert[1] .. insert[2]
    end
    for _, guard in ipairs(deletes and deletes.guards or NONE) do
        if guard[6] then
            rows[#rows + 1] = guard[1]
        end
    end
    return rows
end

-- Return the keys of the rows that new links lead to, and of the sets of links that they join.
local function shared_rows()
    local rows = {}
    for _, group in ipairs(targets or NONE) do
        for _, id in ipairs(group[2]) do
            rows[#rows + 1] = group[1] .. id
        end
    end
    for _, set in ipairs(request.shard.joined or NONE) do
        rows[#rows + 1] = set
    end
    return rows
end

local function shared_field(row)
    return '&' .. row
end

-- Return the objection to rows that another transaction is about to write; and to rows to write
-- that another one needs to stay.
local function objection_to_rows(rows, shared, intents)
    if #rows + #shared == 0 or redis.call('EXISTS', intents) == 0 then
        return
    end
    local fields = {}
    for _, row in ipairs(rows) do
        fields[#fields + 1] = row
        fields[#fields + 1] = shared_field(row)
    end
    for _, row in ipairs(shared) do
        fields[#fields + 1] = row
    end
    for position, held in ipairs(fields_of(intents, fields)) do
        if held then
            return {'locked', fields[position], held:match('^%S+'), redis.call('TIME')[1]}
        end
    end
end
