-- Count the texts of ranked columns, and those with each word of a search. The script writes
-- nothing. A search in several partitions adds these counts up, because the scores of all texts
-- depend on them: see lib/bm25.
--
-- Keys: the postings and vocabularies (sorted sets) and the lengths (sets) of the columns.
--
-- Request: columns = list of the heads of the keys of postings
--          terms   = list of {{the word in each column}, {prefix, edits}}: see lib/words
--
-- Reply:   'ok', a packed list of {number of texts, sum of their lengths} for each column, and a
--          packed list of the terms: each is a list of the words that it may stand for in each
--          column; see `words_like` in lib/similar_words
--          'wrong type', key   this key holds another type

-- @include lib/ask
-- @include lib/lengths
-- @include lib/similar_words

local request = cmsgpack.unpack(ARGV[1])

local function count_lengths(head)
    local texts, total = lengths_of(head)
    return {texts, total}
end

local function story()
    local lengths, terms = {}, {}
    for place, head in ipairs(request.columns) do
        lengths[place] = count_lengths(head)
    end
    for number, term in ipairs(request.terms) do
        terms[number] = {}
        for place, head in ipairs(request.columns) do
            terms[number][place] = words_like(head, term[1][place], term[2])
        end
    end
    return {'ok', cmsgpack.pack(lengths), cmsgpack.pack(terms)}
end

return tell(story)
