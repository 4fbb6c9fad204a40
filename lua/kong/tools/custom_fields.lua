-- The `custom_fields_by_lua` of logging plugins: sandboxed code that adds or drops fields of the log entry.
-- Used by plugins in their log phase. Must never run code outside the sandbox that kong.conf asks for.
local sandbox = require("kong.tools.sandbox").sandbox

local assert = assert
local next = next

local custom_fields = {}

-- Compiled functions by the configuration's map, which dies together with its configuration.
local compiled = setmetatable({}, { __mode = "k" })


local function compile(map)
  local functions = {}
  local options = { env = { kong = kong, ngx = ngx } }
  for key, code in next, map do
    functions[key] = assert(sandbox(code, options))
  end
  compiled[map] = functions
  return functions
end


-- map: {key = code} or nil.
function custom_fields.set(map)
  if not map then
    return
  end
  for key, fn in next, compiled[map] or compile(map) do
    kong.log.set_serialize_value(key, fn())
  end
end


return custom_fields
