-- All checks of a commit, before it writes anything: `objection` is the reply to a commit that is
-- refused, or nil. See ../commit.lua.

local objection = (new and objection_to_new())
    or (old and objection_to_old())
    or (deletes and objection_to_deletes())
    or keys_answer('SCARD', sadd)
    or keys_answer('ZCARD', zadd)
    or (words and vocabularies_answer())
    or (claims and objection_to_claims(old and given_up() or NONE))
    or (deletes and only_known_references())
    or (also and objection_to(also.checks, also.steps))
    or (targets and objection_to_targets())
