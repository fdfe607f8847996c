-- Find out whether an attempt in doubt was carried out, and end it.
--
-- Without a note, the attempt is void from now on: its request may still be on its way, and is
-- refused if it arrives.
--
-- Keys: KEYS[1], the attempt's.
--
-- Reply:   'ok', the lost answer     it was carried out
--          'refused'                 it was refused
--          'void'                    it has no note, so it was not carried out; unless it is so old
--                                    that its note would have expired

-- @include lib/attempt

local told = redis.call('GET', KEYS[1])
if told == 'refused' then
    return {told}
elseif told and told ~= 'void' then
    return {'ok', told}
end
note('void')
return {'void'}
