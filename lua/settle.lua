-- Find out what became of an attempt to write whose answer was lost; and end it.
--
-- Where there is no note, the attempt is void from now on: its request may still be on its way, and
-- is refused when it arrives.
--
-- Keys: KEYS[1], the attempt's.
--
-- Reply:   'ok', what was told       it was carried out
--          'refused'                 it was refused
--          'void'                    there is no note of it, so it was not carried out; unless
--                                    it is so old that its note would be gone

-- @include lib/attempt

local told = redis.call('GET', KEYS[1])
if told == 'refused' then
    return {told}
elseif told and told ~= 'void' then
    return {'ok', told}
end
note('void')
return {'void'}
