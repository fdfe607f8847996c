-- Carry out commands that the caller names, all or none, if what is stored is as expected.
--
-- Keys: KEYS[1], the attempt's, if there is one; those of the commands.
--
-- Request: checks = list of {{command, key, ...}, {expected or false, ...}}: see lib/steps
--          steps  = list of {command, key, ...}
--          at     = when the request was made, see lib/attempt; absent: steps that may be repeated
--
-- Reply:   'ok', the steps' replies, packed if this is an attempt
--          'void'; 'late', time  see lib/attempt
--          'unreadable', key     a key holds another type
--          'differs', number     what that check (the first: 1) found is not what was expected

-- @include lib/attempt
-- @include lib/steps

local request = cmsgpack.unpack(ARGV[1])
local at = request.at

local answer = at and earlier_answer(at)
if answer then
    return answer
end

local objection = objection_to(request.checks, request.steps)
if objection then
    return at and refuse(objection) or objection
end

local replies = take_all(request.steps)
if not at then
    return {'ok', replies}
end
local told = cmsgpack.pack(replies)
note(told)
return {'ok', told}
