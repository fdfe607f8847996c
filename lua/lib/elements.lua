-- Elements of a JSON array of strings, numbers and booleans, as columns of collections store them.
-- The text of an element is kept as it is, because Lua's numbers would not keep all digits.

local QUOTE = 34

-- The place of the quote that ends the JSON string at a place, or nil.
local function end_of_string(json, place)
    repeat
        place = string.find(json, '["\\]', place + 1)
        local is_escape = place and string.byte(json, place) ~= QUOTE
        place = is_escape and place + 1 or place
    until not is_escape
    return place
end

-- The last place of the element at a place, or nil.
local function end_of_element(json, place)
    if string.byte(json, place) == QUOTE then
        return end_of_string(json, place)
    end
    local _, last = string.find(json, '^[^%s,%[%]{}"]+', place)
    return last
end

-- The elements, each as an array of its own. Any other text is returned whole, as one.
local function elements_of(json)
    local found, place = {}, string.match(json, '^%s*%[%s*()')
    if place and string.find(json, '^%]%s*$', place) then
        return found
    end
    while place do
        local last = end_of_element(json, place)
        if not last then
            return {json}
        end
        found[#found + 1] = '[' .. string.sub(json, place, last) .. ']'
        if string.find(json, '^%s*%]%s*$', last + 1) then
            return found
        end
        place = string.match(json, '^%s*,%s*()', last + 1)
    end
    return {json}
end
