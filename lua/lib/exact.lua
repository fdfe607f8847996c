-- Bounds of a range that have the same score, a double, as their neighbours.

-- @include lib/lists
-- @include lib/numbers

-- Tell whether an id is in the range. If its score is that of a bound, the integer in its row is
-- compared with the bound.
local function is_exactly_within(model, node, id, score)
    local exact = node.exact
    local is_low = exact.low and score == node.lowest
    local is_high = exact.high and score == node.highest
    if not (is_low or is_high) then
        return true
    end
    local number = exact.field == '' and id or value_in_row(model, id, exact.field)
    return number
        and not (is_low and compare_integers(number, exact.low) < 0)
        and not (is_high and compare_integers(number, exact.high) > 0)
end
