-- The schema that pre-function and post-function share: a list of Lua functions per phase.
local typedefs = require "kong.db.schema.typedefs"

local loadstring = loadstring


local PHASES = { "certificate", "rewrite", "access", "header_filter", "body_filter", "log" }


return function(plugin)
  local function check_code(code)
    local _, err = loadstring(code)
    if err then
      return false, "error parsing " .. plugin .. ": " .. err
    end
    return true
  end

  local fields, one_of = {}, {}
  for i, phase in ipairs(PHASES) do
    fields[i] = { [phase] = {
      type = "array",
      required = true,
      default = {},
      elements = { type = "string", required = false, custom_validator = check_code },
      description = "Lua code that runs in the " .. phase .. " phase.",
    } }
    one_of[i] = "config." .. phase
  end

  return {
    name = plugin,
    fields = {
      { consumer = typedefs.no_consumer },
      { protocols = typedefs.protocols },
      { config = { type = "record", fields = fields } },
    },
    entity_checks = {
      { at_least_one_of = one_of },
    },
  }
end
