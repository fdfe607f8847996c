-- Where in a sorted set something stands that need not be there any more.

-- @include lib/ask
-- @include lib/numbers

-- How many members it has up to this one.
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
