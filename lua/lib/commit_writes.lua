-- All writes of a commit: `told` is the id that was taken or '', or which deletes found a row. See
-- ../commit.lua.

local told = new and write_new() or ''
if old then
    write_old()
end
if deletes then
    local found = write_deletes()
    told = deletes.tell and found or told
end
if claims then
    write_claims()
end
write_each('SADD', sadd)
write_each('ZADD', zadd)
if words then
    write_vocabularies()
end
if also then
    take_all(also.steps)
end
