-- Rooms: functions that are made when they are first needed. Redis runs through the whole script at
-- each call, and making functions that are not called takes longer than many a search.

-- A table that `fill` fills when a missing field is first read. Where the server keeps functions,
-- FUNCTION KILL may stop `fill`. Then the next call fills the table.
local function filled_when_asked(fill)
    return setmetatable({}, {__index = function(room, name)
        fill()
        setmetatable(room, nil)
        return room[name]
    end})
end

-- A function that returns what `make` returns, and calls it only the first time.
local function made_once(make)
    local made
    return function()
        made = made or {make()}
        return unpack(made)
    end
end

-- A table that makes each field when it is first read, with the function of that name in `makers`.
local function made_when_asked(makers)
    return setmetatable({}, {__index = function(made, name)
        made[name] = makers[name]()
        return made[name]
    end})
end
