-- In the place of an id in the key of a set: all rows with links. See lib/relations.

local EVERY_LINK = 'any'
