-- Patterns of `like`, matched character by character.
--
-- A pattern is a list of tokens, each a gap and the literal text after it: {least, most, text}.
-- `most` is absent for a gap of any length. A match begins at a given place, and may end before the
-- end of the text.
--
-- If all gaps are of any length, the first occurrence of each literal is the right one. Otherwise
-- all places where a token can end are kept. Either way a match takes at most the length of the
-- pattern times that of the text; rom._core.query.like_patterns limits the number of tokens.

-- The length of the UTF-8 character that begins at a place. Bytes that are not UTF-8 count singly.
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

-- Tell whether every gap may have any length; the end of a pattern always may.
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

-- The places where the characters of a text begin, from `at` on, and where the last one ends; and
-- the reverse: the number of the character at a place. Nothing if all characters are bytes.
local function characters(text, at, is_raw)
    if is_raw or not string.find(text, '[\128-\255]', at) then
        return nil, nil, #text - at + 2
    end
    local places, numbers = {}, {}
    while at <= #text do
        places[#places + 1] = at
        numbers[at] = #places
        at = at + length_of_character(text, at)
    end
    places[#places + 1] = at
    numbers[at] = #places
    return places, numbers, #places
end

-- From the characters in `reached`, those that a token leads to: across its gap, after its text.
-- Only characters within reach of the gap are compared; their number is returned, too.
local function step_over(token, reached, text, at, places, numbers)
    local least, most, wanted = token.least, token.most, token.text
    local size, following = #wanted, {}
    local piece, byte, initial = string.sub, string.byte, string.byte(wanted)
    local first = reached.first + least
    local stop = most and math.min(reached.stop + most, reached.limit) or reached.limit
    local latest, earliest, latest_end
    for number = first, stop do
        if reached[number - least] then
            latest = number
        end
        if latest and (not most or number - latest <= most - least) then
            local place = places and places[number] or at + number - 1
            if size == 0 or byte(text, place) == initial
                and (size == 1 or piece(text, place, place + size - 1) == wanted) then
                local behind = not numbers and number + size or numbers and numbers[place + size]
                if behind then
                    following[behind] = true
                    earliest, latest_end = earliest or behind, behind
                end
            end
        end
    end
    following.first, following.stop, following.limit = earliest, latest_end, reached.limit
    return following, math.max(stop - first, 0) + 1
end

local function matches_somehow(text, at, pattern, is_raw)
    local places, numbers, limit = characters(text, at, is_raw)
    local reached, looked = {true, first = 1, stop = 1, limit = limit}, places and #text or 0
    for _, token in ipairs(pattern) do
        local count
        reached, count = step_over(token, reached, text, at, places, numbers)
        looked = looked + count
        if not reached.first then
            return false, looked
        end
    end
    return true, looked
end

-- Tell whether a text matches a pattern, from the byte after the first `skip` on. Also returns the
-- number of characters that were compared, summed over all tokens.
local function matches(text, skip, pattern, is_raw)
    if pattern.is_open == nil then
        pattern.is_open = is_open(pattern)
    end
    if pattern.is_open then
        return matches_at_first_sight(text, skip + 1, pattern, is_raw), #text / 16 + #pattern + 1
    end
    return matches_somehow(text, skip + 1, pattern, is_raw)
end
