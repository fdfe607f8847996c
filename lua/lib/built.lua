-- Compound indexes of a search: whether the data has them.
--
-- A query that has always worked must not lose results when the model gets a compound index for it,
-- because older rows have no entries there until a reindex. The fingerprint names the indexes that
-- all rows have; a reindex writes it last.

local function is_built(key, texts)
    local fingerprint = ask('GET', key) or ''
    for _, text in ipairs(texts) do
        if not string.find(fingerprint, text, 1, true) then
            return false
        end
    end
    return true
end
