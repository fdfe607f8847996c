-- Scores, as Redis writes them.

local INFINITE = {inf = math.huge, ['-inf'] = -math.huge, ['+inf'] = math.huge}

local function to_score(text)
    return tonumber(text) or INFINITE[text]
end
