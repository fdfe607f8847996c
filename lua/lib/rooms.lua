-- Rooms: functions that are made when they are first needed. The server runs through a script each
-- time it is called, and making functions that nobody calls takes longer than many a search.

-- A table that is filled when something is first asked for that is not in it.
local function filled_when_asked(fill)
    return setmetatable({}, {__index = function(room, name)
        setmetatable(room, nil)
        fill()
        return room[name]
    end})
end

-- A table each of whose fields is made when it is first asked for, by its function in `makers`.
local function made_when_asked(makers)
    return setmetatable({}, {__index = function(made, name)
        made[name] = makers[name]()
        return made[name]
    end})
end
