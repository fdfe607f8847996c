-- Carry out commands of the caller, all or none, if the stored data is as expected.
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
--          'differs', number     this check (the first: 1) found another value than expected

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
