-- The position in a sorted set of a member that may have been removed.

-- @include lib/ask
-- @include lib/numbers

-- Return the number of members up to and including this one. ZRANK would fail for a member that
-- was removed; a binary search among the members of its score does not.
local function rank_after(key, score, member)
    local low = ask('ZCOUNT', key, '-inf', '(' .. score)
    local high = ask('ZCOUNT', key, '-inf', score)
    while low < high do
        local middle = math.floor((low + high) / 2)
        if compare_bytes(ask('ZRANGE', key, middle, middle)[1], member) <= 0 then
            low = middle + 1
        else
            high = middle
        end
    end
    return low
end
