-- The part of a commit that keeps the vocabularies of ranked columns: a word is in one exactly
-- while it has postings. See ../commit.lua, which defines what this uses.
--
-- Request: come = {[vocabulary] = {'0', word, '0', word, ...}}: words with new postings
--          gone = list of {vocabulary, prefix of the keys of its postings, {word, ...}}: words that
--                 lose postings
--
-- Empty parts may be left out.

local function vocabularies_answer()
    local objection = keys_answer('ZCARD', words.come or NONE)
    for _, one in ipairs(words.gone or NONE) do
        objection = objection or keys_answer('ZCARD', {[one[1]] = true})
    end
    return objection
end

-- Redis removes a sorted set with its last member, so a word without postings has no key.
local function write_vocabularies()
    write_each('ZADD', words.come or NONE)
    for _, one in ipairs(words.gone or NONE) do
        local lost = {}
        for _, word in ipairs(one[3]) do
            if redis.call('EXISTS', one[2] .. word .. ':tf') == 0 then
                lost[#lost + 1] = word
            end
        end
        in_chunks('ZREM', one[1], lost)
    end
end
