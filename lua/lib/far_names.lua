-- The key of far ids, and how it holds an id: see far.

local MOST_EXACT = 9007199254740992  -- 2^53: a far id is smaller, so that a walk can go on from it

local function far_of(live)
    return live .. ':far'
end

local function as_far(id)
    return string.rep('0', 20 - #id) .. id
end
