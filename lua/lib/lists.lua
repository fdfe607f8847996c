-- Lists of ids, and commands with an answer for each id.

-- @include lib/ask

local STEP = 1000  -- ids in one command

local function append(list, more)
    for _, item in ipairs(more) do
        list[#list + 1] = item
    end
end

-- The ids for which `passes` returns true.
local function those(ids, passes)
    local kept = {}
    for position, id in ipairs(ids) do
        if passes(id, position) then
            kept[#kept + 1] = id
        end
    end
    return kept
end

-- The value of a column in a row, or its default, or nil. A key of another type has no values here;
-- reading it as a row reports the error.
local function value_in_row(model, id, field)
    local value = redis.pcall('HGET', model.head .. id, field)
    if not value then
        return model.absent[field]
    end
    return type(value) == 'string' and value or nil
end

-- The answers of a variadic command, one for each id.
local function ask_each(command, key, ids)
    if #ids == 0 then
        return {}
    elseif #ids <= STEP then
        return ask(command, key, unpack(ids))
    end
    local answers = {}
    for first = 1, #ids, STEP do
        local some = ask(command, key, unpack(ids, first, math.min(first + STEP - 1, #ids)))
        for position = 1, #some do
            answers[first + position - 1] = some[position]
        end
    end
    return answers
end
