-- A model: the head of the keys of its rows, and the extent of its ids.
--
-- Where there is a live bitmap, `bytes` is its size, and `far` the number of far ids (see
-- lib/live). Data that rom 1.x wrote has none: there, every number up to the counter, `last`, may
-- be an id. `span` is the number of ids, or its upper bound.

-- @include lib/ask
-- @include lib/far_key

-- Read these values on first access, because many searches need none of them. Other fields that are
-- nil stay so, without a command.
local function find_out(model, name)
    if name == 'span' then
        model.span = model.last or ask('BITCOUNT', model.live) + model.far
    elseif name == 'far' then
        model.far = ask('ZCARD', model.live .. FAR)
    elseif name == 'bytes' or name == 'last' then
        local bytes = ask('STRLEN', model.live)
        model.bytes = bytes > 0 and bytes
        model.last = not model.bytes and (tonumber(ask('GET', model.counter) or '0') or 0)
    end
    return rawget(model, name)
end

local function open_model(head, live, counter)
    local model = {head = head, live = live, counter = counter}
    return setmetatable(model, {__index = find_out})
end

local function write_id(number)
    return string.format('%.0f', number)
end
