-- kong.table: tables made in one go, emptied, merged.
local pairs = pairs


-- A new table; where both have a key, the second one's value.
local function merge(first, second)
  local out = {}
  for key, value in pairs(first or {}) do
    out[key] = value
  end
  for key, value in pairs(second or {}) do
    out[key] = value
  end
  return out
end


return {
  new = function()
    return { new = require "table.new", clear = require "table.clear", merge = merge }
  end,
}
