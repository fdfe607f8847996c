-- The form of far ids in their sorted set: see lib/far.

-- @include lib/far_key

local MOST_EXACT = 9007199254740992  -- 2^53: a far id is smaller, so a walk can continue from it

local function as_far(id)
    return string.rep('0', 20 - #id) .. id
end
