-- Runs: the postings of a word with one frequency. See lib/words_in_turn.
--
-- They are sorted by length, so the scores fall along a run. A text that was not met yet is behind
-- the place that was reached in each run. These places bound its score. A text has one length in a
-- column. So the bound is the greatest sum for one length, which is that of a place that was
-- reached.
--
-- A run is {tf, length, rank, last, size}. The next posting to read is at `rank` and has at least
-- the length. `last` is the rank where the run ends, and `size` the number to read at once.
--
-- A column is a list of groups, each with its `runs`. `bound` is the most that a text can get
-- there, and `length` the length of such a text. `read` counts the postings since the last bound.
-- With `is_single`, no text is left that has two of the groups.

-- @include lib/rank_bounds

local FIRST_READ = 32  -- postings of a run

local function is_open(run)
    return run.rank <= run.last
end

-- Go behind the posting that an earlier call read last. If that is not there any more, the postings
-- with its packed score come again.
local function go_behind(run, key, packed, id)
    if ask('ZSCORE', key, id) == packed then
        run.rank = ask('ZREVRANK', key, id) + 1
    else
        run.rank = ask('ZCOUNT', key, '(' .. packed, '+inf')
    end
    run.length, run.packed, run.id = select(2, unpack_posting(tonumber(packed))), packed, id
end

-- Divide the postings of a group into runs, the highest frequency first; return whether it is a
-- single word of few frequencies. `reached` has the last postings that earlier calls read.
local function divide(group, reached)
    local posting, runs = group[1], {}
    for place, frequency in ipairs(not group[2] and frequencies_of(posting) or {}) do
        local tf, length, rank = unpack(frequency)
        local run = {
            tf = tf, length = length, rank = rank, last = posting.size - 1, size = FIRST_READ,
        }
        if place > 1 then
            runs[place - 1].last = rank - 1
        end
        if reached[tf] then
            go_behind(run, posting.key, unpack(reached[tf]))
        end
        runs[place] = run
    end
    group.runs = runs
    return #runs > 0 and #runs <= MOST_FREQUENCIES
end

-- The place that was reached in each group: see `divide`.
local function written_reached(columns)
    local reached = {singles = {}}
    for _, column in ipairs(columns) do
        for _, group in ipairs(column) do
            local of_group = {}
            for _, run in ipairs(group.runs) do
                of_group[#of_group + 1] = run.packed and {run.tf, run.packed, run.id}
            end
            reached[group.name] = of_group
        end
        if column.is_single then
            reached.singles[column[1].column] = true
        end
    end
    return reached
end

local function read_reached(list)
    local reached = {}
    for _, one in ipairs(list or {}) do
        reached[one[1]] = {one[2], one[3]}
    end
    return reached
end

-- The groups of each column, divided; nil if one of them cannot be.
local function open_columns(ranking, reached)
    local columns, column_of = {}, {}
    for _, slot in ipairs(ranking.slots) do
        for _, group in ipairs(slot.groups) do
            if not divide(group, read_reached(reached[group.name])) then
                return nil
            end
            local column = column_of[group.column]
            if not column then
                column = {read = 0, is_single = reached.singles and reached.singles[group.column]}
                columns[#columns + 1], column_of[group.column] = column, column
            end
            column[#column + 1] = group
        end
    end
    return columns
end

-- The run of a group that can give most to a text of this length that was not met.
local function best_run(group, length)
    for _, run in ipairs(group.runs) do
        if is_open(run) and run.length <= length then
            return run
        end
    end
end

local function potential(group, length)
    local run = best_run(group, length)
    return run and worth_of(group, run.tf, length) or 0
end

-- The most that a group can give to a text that was not met, whatever its length.
local function peak_of(group)
    local peak = 0
    for _, run in ipairs(group.runs) do
        peak = math.max(peak, is_open(run) and worth_of(group, run.tf, run.length) or 0)
    end
    return peak
end

-- The most that a column can give to a text of this length that was not met.
local function sum_of(column, length)
    local sum, most = 0, 0
    for _, group in ipairs(column) do
        local worth = potential(group, length)
        sum, most = sum + worth, math.max(most, worth)
    end
    return column.is_single and most or sum
end

-- Find the most that a column can give to a text that was not met, and the length of that text.
local function bound_column(column)
    column.bound, column.length = 0, 0
    local tried = {}
    for _, group in ipairs(column) do
        for _, run in ipairs(group.runs) do
            local length = run.length
            if is_open(run) and not tried[length] then
                local sum = sum_of(column, length)
                tried[length] = true
                if sum > column.bound then
                    column.bound, column.length = sum, length
                end
            end
        end
    end
    return column.bound
end

-- Bound all columns; return the sum, and the column whose bound fell most for a posting.
local function bound_all(columns)
    local total, steepest = 0, nil
    for _, column in ipairs(columns) do
        local before = column.bound or math.huge
        total = total + bound_column(column)
        if column.read > 0 then
            local slope = (before - column.bound) / column.read
            column.slope, column.read = column.slope and (column.slope + slope) / 2 or slope, 0
        end
        local slope = column.slope or math.huge
        if column.bound > 0 and not (steepest and slope <= (steepest.slope or math.huge)) then
            steepest = column
        end
    end
    return total, steepest
end
