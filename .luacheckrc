-- What a script finds on the server, Redis 6.2 and newer, Valkey 8 and newer: no io, no os, no
-- require, no print. Setting a global is an error there, and here.
--
-- scripts/check runs luacheck on the assembled scripts (each `-- @include lib/x` replaced by the
-- text of lib/x.lua), because a script uses the locals of what it includes.

stds.redis = {
    read_globals = {
        'KEYS', 'ARGV',
        'assert', 'error', 'getmetatable', 'ipairs', 'next', 'pairs', 'pcall', 'rawequal',
        'rawget', 'rawset', 'select', 'setmetatable', 'tonumber', 'tostring', 'type', 'unpack',
        'xpcall',
        redis = {
            fields = {
                'call', 'pcall', 'error_reply', 'status_reply', 'sha1hex', 'log', 'setresp',
                'LOG_DEBUG', 'LOG_VERBOSE', 'LOG_NOTICE', 'LOG_WARNING',
            },
        },
        bit = {
            fields = {
                'arshift', 'band', 'bnot', 'bor', 'bswap', 'bxor', 'lshift', 'rol', 'ror',
                'rshift', 'tobit', 'tohex',
            },
        },
        cjson = {
            fields = {
                'decode', 'decode_invalid_numbers', 'decode_max_depth', 'encode',
                'encode_invalid_numbers', 'encode_keep_buffer', 'encode_max_depth',
                'encode_number_precision', 'encode_sparse_array', 'new', 'null',
            },
        },
        cmsgpack = { fields = { 'pack', 'unpack', 'unpack_limit', 'unpack_one' } },
        struct = { fields = { 'pack', 'unpack', 'size' } },
        math = {
            fields = {
                'abs', 'acos', 'asin', 'atan', 'atan2', 'ceil', 'cos', 'deg', 'exp', 'floor',
                'fmod', 'frexp', 'huge', 'ldexp', 'log', 'log10', 'max', 'min', 'modf', 'pi',
                'pow', 'rad', 'random', 'randomseed', 'sin', 'sqrt', 'tan',
            },
        },
        string = {
            fields = {
                'byte', 'char', 'find', 'format', 'gmatch', 'gsub', 'len', 'lower', 'match', 'rep',
                'reverse', 'sub', 'upper',
            },
        },
        table = { fields = { 'concat', 'getn', 'insert', 'maxn', 'remove', 'sort' } },
    },
}

std = 'redis'
max_line_length = 100
codes = true
color = false
