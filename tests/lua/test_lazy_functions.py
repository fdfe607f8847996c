"""lua/lib/lazy_functions.lua: what a server function keeps is whole, or made again."""

import pytest
import redis

from rom._core.drivers.scripts import source

STOPPED = """
local is_stopped = true
local ROOM
ROOM = filled_when_asked(function()
    ROOM.first = function() return 1 end
    if is_stopped then
        error('Script killed by user with FUNCTION KILL')
    end
    ROOM.second = function() return 2 end
end)
local was_filled = pcall(function() return ROOM.second end)
is_stopped = false
return {tostring(was_filled), ROOM.second(), ROOM.first()}
"""


@pytest.mark.one_server
def test_a_room_whose_filling_was_stopped_is_filled_again(raw: redis.Redis) -> None:
    assert raw.eval(source('lib/lazy_functions') + STOPPED, 0) == [b'false', 2, 1]
