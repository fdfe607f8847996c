-- Patterns of `like`, matched character by character.
--
-- A pattern is a list of gaps, each followed by a literal text: {least, most, text}, `most` absent
-- for a gap without end. All places where a token can end are kept, so no pattern takes longer than
-- its length times that of the value.

-- How long the UTF-8 character is that begins with this byte.
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

-- Where the characters of a text begin, from `at` on, and where the last one ends; and the
-- reverse: the number of the character that begins at a place. What is no UTF-8 counts by bytes.
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

-- Whether a text matches a pattern, from the byte after the first `skip` on. Its end may be left
-- over.
local function matches(text, skip, pattern, is_raw)
    local places, numbers = characters(text, skip + 1, is_raw)
    local last = #places
    local reached = {true}
    for _, token in ipairs(pattern) do
        local open = across_gap(reached, last, token)
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
