-- Builds OSSL_PARAM arrays from Lua tables. The array refers to memory that `keep` holds: the caller keeps both
-- until the call that uses them has returned.
local ffi = require "ffi"

local params = {}

params.INTEGER = 1
params.UNSIGNED = 2
params.UTF8 = 4
params.OCTETS = 5

local pair_t = ffi.typeof("struct ossl_param_st[?]")


-- list: {{name, kind, value}, ...}. Returns array, keep.
function params.build(list)
  local n = #list
  local array, keep = pair_t(n + 1), {}
  for i = 1, n do
    local name, kind, value = list[i][1], list[i][2], list[i][3]
    local item = array[i - 1]
    keep[#keep + 1] = name
    item.key = name
    item.data_type = kind
    item.return_size = -1
    if kind == params.INTEGER or kind == params.UNSIGNED then
      local number = ffi.new(kind == params.INTEGER and "int64_t[1]" or "uint64_t[1]", value)
      keep[#keep + 1] = number
      item.data, item.data_size = number, 8
    else
      keep[#keep + 1] = value
      item.data, item.data_size = ffi.cast("void *", ffi.cast("const char *", value)), #value
    end
  end
  array[n].key = nil
  return array, keep
end


-- Kinds by name of a NULL terminated array that describes settable parameters.
function params.kinds(described)
  local kinds = {}
  local i = 0
  while described[i].key ~= nil do
    kinds[ffi.string(described[i].key)] = described[i].data_type
    i = i + 1
  end
  return kinds
end


return params
