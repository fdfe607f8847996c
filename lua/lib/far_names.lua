-- The key of far ids, and how it holds an id: see far.

local function far_of(live)
    return live .. ':far'
end

local function as_far(id)
    return string.rep('0', 20 - #id) .. id
end
