-- The notes of one call. Where the server keeps the functions of a script, they outlive the call,
-- and so do notes in other tables.

local CALL = {}
