-- Patterns of `like`, matched character by character.
--
-- A pattern is a list of gaps, each followed by a literal text: {least, most, text}, `most` absent
-- for a gap without end. A match begins where it is told to, and may leave over the text's end.
--
-- Where all gaps are without end, taking each literal where it is found first is right. Otherwise
-- all places where a token can end are kept. Either way no pattern takes longer than its length
-- times that of the text.

-- How long the UTF-8 character is that begins at a place. What is no UTF-8 counts by bytes.
local function length_of_character(text, at)
    local lead = string.byte(text, at)
    local length = 1
    if lead >= 0xC2 and lead <= 0xF4 then
        length = lead < 0xE0 and 2 or lead < 0xF0 and 3 or 4
    end
    for follower = at + 1, at + length - 1 do
        local byte = string.byte(text, follower)
        if not byte or byte < 0x80 or byte > 0xBF then
            return 1
        end
    end
    return length
end

-- Every gap's end is open. (At the end of a pattern, it need not say so.)
local function is_open(pattern)
    for position, token in ipairs(pattern) do
        if token.most and not (position == #pattern and token.text == '') then
            return false
        end
    end
    return true
end

local function matches_at_first_sight(text, at, pattern, is_raw)
    for _, token in ipairs(pattern) do
        for _ = 1, token.least do
            if at > #text then
                return false
            end
            at = at + (is_raw and 1 or length_of_character(text, at))
        end
        if token.text ~= '' then
            local _, last = string.find(text, token.text, at, true)
            if not last then
                return false
            end
            at = last + 1
        end
    end
    return true
end

-- Where the characters of a text begin, from `at` on, and where the last one ends; and the
-- reverse: the number of the character that begins at a place.
local function characters(text, at, is_raw)
    local places, numbers = {}, {}
    while at <= #text do
        places[#places + 1] = at
        numbers[at] = #places
        at = at + (is_raw and 1 or length_of_character(text, at))
    end
    places[#places + 1] = at
    numbers[at] = #places
    return places, numbers
end

-- The characters that a gap may lead to from any of these: a list of booleans by number.
local function across_gap(reached, last, token)
    local open, latest = {}, nil
    for number = 1, last do
        if reached[number - token.least] then
            latest = number
        end
        if latest and (not token.most or number - latest <= token.most - token.least) then
            open[number] = true
        end
    end
    return open
end

local function matches_somehow(text, at, pattern, is_raw)
    local places, numbers = characters(text, at, is_raw)
    local reached = {true}
    for _, token in ipairs(pattern) do
        local open = across_gap(reached, #places, token)
        local size = #token.text
        reached = {}
        for number in pairs(open) do
            local place = places[number]
            local behind = numbers[place + size]
            if behind and string.sub(text, place, place + size - 1) == token.text then
                reached[behind] = true
            end
        end
        if next(reached) == nil then
            return false
        end
    end
    return true
end

-- Whether a text matches a pattern, from the byte after the first `skip` on.
local function matches(text, skip, pattern, is_raw)
    if pattern.is_open == nil then
        pattern.is_open = is_open(pattern)
    end
    local how = pattern.is_open and matches_at_first_sight or matches_somehow
    return how(text, skip + 1, pattern, is_raw)
end
