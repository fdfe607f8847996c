-- The head of a counter's epochs that this server process began. See counter.

-- The address of a table differs from process to process, and costs no command.
local PROCESS = tostring(redis) .. '|'
