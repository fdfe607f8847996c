-- Intents: the rows that a prepared transaction over partitions is about to write.
--
-- The hash HEADintents has the key of each such row, and where its transaction is decided: the
-- number of the coordinator's partition, the transaction's token and the second in which it was
-- prepared, as 'partition:token:second'. Until the transaction is carried out or aborted here, no
-- other commit may write these rows, because they were compared when it was prepared.
--
-- A script that includes this has the parts of a commit, see commit_request.

-- Return the keys of all rows that the commit writes, or that its new links lead to.
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
    for _, group in ipairs(targets or NONE) do
        for _, id in ipairs(group[2]) do
            rows[#rows + 1] = group[1] .. id
        end
    end
    return rows
end

-- Return the objection to a row that another transaction is about to write.
local function objection_to_rows(rows, intents)
    if #rows == 0 or redis.call('EXISTS', intents) == 0 then
        return
    end
    for position, intent in ipairs(fields_of(intents, rows)) do
        if intent then
            return {'locked', rows[position], intent, redis.call('TIME')[1]}
        end
    end
end
