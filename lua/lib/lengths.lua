-- The lengths of the texts of a ranked column: see rom/_core/indexing/rank_index.py.

-- @include lib/ask

local DIGITS = 27            -- in the binary form of a length
local COMMON_DIGITS = 8      -- in that of the lengths of most columns

-- The number of binary digits that lengths may have: one command for those that are seldom there.
local function digits_of(head)
    local keys = {}
    for digit = COMMON_DIGITS, DIGITS - 1 do
        keys[#keys + 1] = head .. digit .. ':len'
    end
    return ask('EXISTS', unpack(keys)) > 0 and DIGITS or COMMON_DIGITS
end

-- Return the number of texts, the sum of their lengths, and a number that no length reaches.
local function lengths_of(head)
    local texts, total, limit = ask('SCARD', head .. 'all:len'), 0, 1
    for digit = 0, digits_of(head) - 1 do
        local size = ask('SCARD', head .. digit .. ':len')
        total = total + size * 2 ^ digit
        limit = size > 0 and 2 ^ (digit + 1) or limit
    end
    return texts, total, limit
end
