-- The kind `lex` of lib/filters: ids by their strings in an index.
--
-- kind    fields                                         ids
-- lex     key, low, high, head, pattern, raw, plain,     members between two strings, whose value
--         without, field, lowers, turned                 has a head, matches a pattern, and has
--                                                        none of the heads `without`; `plain`: all
--                                                        members match; `field`: each id has one
--                                                        value, which is in this column of its row

-- @include lib/filters

COLLECTABLE.lex = true

function SIZE.lex(_, node)
    local before = node.low == '-' and '-' or '(' .. string.sub(node.low, 2)
    node.first = before == '-' and 0 or ask('ZLEXCOUNT', node.key, '-', before)
    return ask('ZLEXCOUNT', node.key, node.low, node.high)
end
