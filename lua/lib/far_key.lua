-- The suffix of the key of far ids, after the key of the live bitmap: see lib/live.

local FAR = ':far'
