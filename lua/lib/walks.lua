-- Walks that find matches in an index's own order, or in that of the ids, some at a time.
--
-- A walk gets the search and a position, looks at some candidates, gives those that match to the
-- sink, and returns where to go on, or nil at the end. A position also serves a later call of the
-- script, when other clients have written in between: it names a member or an id, never a rank
-- alone.

-- @include lib/planner

local SMALLEST_CHUNK = 16
local LARGEST_FIRST_CHUNK = 1000
local LARGEST_CHUNK = 2000
local MARGIN = 1.25         -- of the candidates that should be enough, so many are looked at first

-- How many candidates to look at first. Where nothing is probed, all that is looked at is wanted.
local function first_chunk(search, position)
    local chunk = search.wanted
    if #search.parts > 0 then
        local length, known = estimate(search, position)
        chunk = math.min(chunk, math.max(SMALLEST_CHUNK, math.ceil(length)))
        if not known or #search.parts > 1 then
            chunk = math.max(SMALLEST_CHUNK, math.min(2 * chunk, math.ceil(MARGIN * length)))
        end
    end
    return math.min(chunk, LARGEST_FIRST_CHUNK)
end

-- Candidates to look at next: more each time, but no more than this call may still look at.
local function next_chunk(search)
    local chunk, weight = search.pace.chunk, 1
    search.pace.chunk = math.min(chunk * 2, LARGEST_CHUNK)
    if chunk <= SMALLEST_CHUNK then
        return chunk
    end
    for _, part in ipairs(search.parts) do
        weight = weight + weight_of(part)
    end
    local left = math.ceil((EFFORT.most - EFFORT.spent) / (2 * weight))
    return math.max(math.min(chunk, left), SMALLEST_CHUNK)
end

-- Where a later call goes on: without what only holds now.
local function write_position(position)
    local step = position
    while step do
        step.rank, step = nil, step.inner
    end
    if position.member then
        position.score = ask('ZSCORE', position.key, position.member)
    end
    return cmsgpack.pack(position)
end

-- What makes the walks, by mode.
local WALKS = {}
local WALK = made_when_asked(WALKS)

function WALKS.ids()
    -- @include lib/walk_of_ids
    return walk_ids
end

function WALKS.index()
    -- @include lib/walk_of_index
    return walk_index
end
