-- The words of a vocabulary that begin with a word, or that are a few edits away from it.
--
-- A vocabulary is a sorted set whose members all have the score 0, so Redis sorts them by their
-- bytes. One seek finds the first word at or behind any string. So the vocabulary is
-- walked as a tree of characters: the characters that may follow a string are found by a seek each.
-- A row of the table of edit distances goes along. A branch ends where all its distances are too
-- great, so most of the vocabulary is never read, however large it is. A branch without an edit
-- left is not walked.

-- @include lib/lists

local MOST_WORDS = 50       -- that a word stands for: those with most texts
local MOST_TEXTS = 4000     -- with these words, if there are several
local MOST_READ = 500       -- words to choose from
local MOST_SEEKS = 3000     -- some five milliseconds
local CLOSENESS = {prefix = 0.8, [0] = 1, [1] = 0.5, [2] = 0.25}
local CHARACTER = '[%z\1-\127\194-\244][\128-\191]*'
local BEHIND = '\255'       -- sorts behind every character

local function characters_of(word)
    local characters = {}
    for character in string.gmatch(word, CHARACTER) do
        characters[#characters + 1] = character
    end
    return characters
end

-- The first word at or behind a string, if it begins with `head`.
local function seek(search, bound, head)
    if search.seeks >= MOST_SEEKS then
        return nil
    end
    search.seeks = search.seeks + 1
    local word = ask('ZRANGEBYLEX', search.key, bound, '+', 'LIMIT', 0, 1)[1]
    return word and string.sub(word, 1, #head) == head and word
end

-- The next row of the table of distances: those of the path, with one more character, to each
-- start of the word. Also returns the least distance.
local function next_row(search, row, character)
    local wanted, made = search.characters, {[0] = row[0] + 1}
    local least = made[0]
    for place = 1, #wanted do
        local change = wanted[place] == character and 0 or 1
        made[place] = math.min(row[place] + 1, made[place - 1] + 1, row[place - 1] + change)
        least = math.min(least, made[place])
    end
    return made, least
end

local follow

-- Follow the path to its next character, if the distances allow.
local function branch(search, path, row, character)
    local made, least = next_row(search, row, character)
    if least <= search.edits then
        follow(search, path .. character, made, least)
    end
end

-- Where no edit is left, only what is left of the word itself can follow. So the words that may be
-- there are known, and looked up together at the end.
local function note_rests(search, path, row)
    for place = 0, #search.characters do
        if row[place] == search.edits then
            search.rests[path .. search.ends[place]] = true
        end
    end
end

follow = function(search, path, row, least)
    if least == search.edits then
        return note_rests(search, path, row)
    end
    local word = seek(search, '[' .. path, path)
    if word == path then
        if row[#search.characters] <= search.edits then
            search.found[path] = math.min(search.found[path] or 9, row[#search.characters])
        end
        word = seek(search, '(' .. path, path)
    end
    while word do
        local character = string.match(word, CHARACTER, #path + 1)
        branch(search, path, row, character)
        word = seek(search, '[' .. path .. character .. BEHIND, path)
    end
end

-- Find those of the noted words that are in the vocabulary.
local function find_rests(search)
    local words = {}
    for word in pairs(search.rests) do
        words[#words + 1] = word
    end
    for place, score in ipairs(ask_each('ZMSCORE', search.key, words)) do
        local word = words[place]
        search.found[word] = score and math.min(search.found[word] or 9, search.edits)
            or search.found[word]
    end
    search.looked_up, search.rests = search.looked_up + #words, {}
end

-- Find the words that are at most so many edits away: one edit first, because two take longer.
local function find_edited(search, word, most)
    local first, rest = {}, word
    search.characters, search.ends = characters_of(word), {[0] = word}
    for place, character in ipairs(search.characters) do
        rest = string.sub(rest, #character + 1)
        search.ends[place] = rest
    end
    for place = 0, #search.characters do
        first[place] = place
    end
    for edits = 1, most do
        search.edits = edits
        follow(search, '', first, 0)
        find_rests(search)
    end
end

-- The first words, and of the following ones those that fit: few enough texts together.
local function first_words(words)
    local chosen, texts = {}, 0
    for _, found in ipairs(words) do
        if #chosen == 0 or #chosen < MOST_WORDS and texts + found[3] <= MOST_TEXTS then
            chosen[#chosen + 1] = found
            texts = texts + found[3]
        end
    end
    return chosen
end

-- The words that a word may stand for: list of {word, edits, is_longer, number of texts}. `edits`
-- is the number of edits between them, or false. Also returns the effort.
local function words_like(head, word, how)
    local search = {
        key = head .. 'voc', seeks = 0, looked_up = 0, found = {[word] = 0}, rests = {},
    }
    if how.edits > 0 then
        find_edited(search, word, how.edits)
    end
    local found, is_longer = search.found, {}
    if how.prefix then
        local range = {'[' .. word, '(' .. word .. BEHIND, 'LIMIT', 0, MOST_READ}
        for _, longer in ipairs(ask('ZRANGEBYLEX', search.key, unpack(range))) do
            found[longer], is_longer[longer] = found[longer] or false, true
        end
    end
    local words = {}
    for one, edits in pairs(found) do
        local size = ask('ZCARD', head .. one .. ':tf')
        if size > 0 then
            words[#words + 1] = {one, edits, is_longer[one] or false, size}
        end
    end
    return words, 6 * search.seeks + search.looked_up
end

-- The words that a word stands for: list of {word, closeness, number of texts}. The same choice
-- among the words of all partitions is in rom/_core/ops/search/word_counts.py.
local function similar_words(head, word, how)
    local words, effort = words_like(head, word, how)
    if #words == 0 then
        return {{word, 1, 0}}, effort
    end
    for place, found in ipairs(words) do
        local one, edits, is_longer, size = unpack(found)
        local closeness = is_longer and one ~= word and CLOSENESS.prefix or CLOSENESS[edits]
        words[place] = {one, closeness, size}
    end
    table.sort(words, function(a, b)
        if a[2] ~= b[2] and (a[2] == 1 or b[2] == 1) then
            return a[2] == 1
        end
        return a[3] > b[3] or a[3] == b[3] and a[1] < b[1]
    end)
    return first_words(words), effort
end
