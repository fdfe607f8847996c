-- The key of far ids, and the form of an id in it: see lib/far.

local MOST_EXACT = 9007199254740992  -- 2^53: a far id is smaller, so a walk can continue from it

local function far_of(live)
    return live .. ':far'
end

local function as_far(id)
    return string.rep('0', 20 - #id) .. id
end
