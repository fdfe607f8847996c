-- The order of the words and the columns of a ranking. See lib/ranking.

-- @include lib/bm25

local MOST_COMBINED = 16  -- combinations of all words
local FEW_COMBINED = 400  -- texts whose further words are looked up instead
local MOST_FIRST = 1000   -- results, for which long combinations overlap

-- The places in a short list, in the order of the values.
local function places_by(list, value_of)
    local places, values = {}, {}
    for place = 1, #list do
        local value, rank = value_of(list[place]), place
        while rank > 1 and values[rank - 1] > value do
            places[rank], values[rank] = places[rank - 1], values[rank - 1]
            rank = rank - 1
        end
        places[rank], values[rank] = place, value
    end
    return places
end

-- The order of slots and columns: rare words first, and short columns, whose texts score most.
local function set_order(ranking, position)
    local node, columns = ranking.node, ranking.columns
    ranking.order = position.columns or places_by(columns, function(one) return -one.slope end)
    ranking.slot_order = position.slots or places_by(node.slots, function(one) return one.texts end)
    ranking.rank_of, ranking.slots = {}, {}
    for rank, place in ipairs(ranking.order) do
        ranking.rank_of[place] = rank
    end
    for rank, place in ipairs(ranking.slot_order) do
        local slot = node.slots[place]
        slot.place, slot.rank = place, rank
        slot.groups = groups_of(slot, columns, ranking.order)
        ranking.slots[rank] = slot
    end
end

-- The number of slots to combine: as many as leave few texts, if the words are independent of each
-- other. Combinations overlap, which is no use if they are walked to their ends.
local function slots_to_combine(search, ranking)
    local slots, first = ranking.slots, ranking.slots[1]
    local may_overlap = ranking.best.count <= MOST_FIRST or first.size <= search.small
    local most = may_overlap and MOST_COMBINED or #first.groups
    local texts = texts_in(ranking.columns)
    local expected, product = texts, 1
    for position, slot in ipairs(slots) do
        expected, product = expected * math.min(1, slot.size / texts), product * #slot.groups
        if product > most then
            return math.max(position - 1, 1)
        elseif product > 1 and position > 1 and expected <= FEW_COMBINED then
            return position
        end
    end
    return #slots
end
