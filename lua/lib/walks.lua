-- Walks: finding matches in the order of an index or of the ids, a few at a time.
--
-- A walk gets the search and a position, probes some candidates, pours the matches into the sink,
-- and returns the next position, or nil at the end. A later call of the script may continue at a
-- position, after other clients have written: so it names a member or an id, never a rank alone.

-- @include lib/planner

local SMALLEST_CHUNK = 16
local LARGEST_FIRST_CHUNK = 1000
local LARGEST_CHUNK = 2000
local MARGIN = 1.25         -- the first chunk, in terms of the candidates that should suffice

-- The number of candidates in the first step. If nothing is probed, every candidate is a match.
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

-- The number of candidates in the next step: it doubles each time, within the effort that is left.
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

-- Pack a position for a later call, without ranks, which writes may change.
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

-- Functions that make the walks, by mode.
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
