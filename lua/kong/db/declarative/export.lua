-- Writes the current rows as a declarative configuration that gives the same rows again.
-- Used by GET /config and control planes. Must never change a row.
local value = require "kong.db.schema.value"
local yaml = require "kong.db.declarative.yaml"

local ipairs = ipairs
local next = next
local pairs = pairs
local type = type

local null = value.null

local export = {}


local function without_nulls(v)
  if type(v) ~= "table" then
    return v
  end
  local out = {}
  for k, item in pairs(v) do
    if item ~= null then
      out[k] = without_nulls(item)
    end
  end
  return setmetatable(out, next(out) == nil and value.is_array(v) and getmetatable(v) and value.array_mt or nil)
end


-- References are written as the id of the parent.
local function export_row(info, row)
  local out = without_nulls(row)
  out.ws_id = nil
  for _, foreign in ipairs(info.foreigns) do
    local reference = out[foreign.name]
    if type(reference) == "table" then
      out[foreign.name] = reference.id
    end
  end
  return out
end


-- The whole configuration as a table: {_format_version, _transform, services = {...} ...}.
function export.table(db, pause)
  local out = { _format_version = "3.0", _transform = false }
  for _, info in ipairs(db.entities:sorted()) do
    local kind = db.store[info.name]
    if info.schema.db_export ~= false and info.name ~= "workspaces" and kind and #kind.list > 0 then
      local list = {}
      for i, row in ipairs(kind.list) do
        list[i] = export_row(info, row)
        if pause and i % 64 == 0 then
          pause()
        end
      end
      out[info.name] = list
    end
  end
  return out
end


function export.yaml(db, pause)
  return yaml.dump(export.table(db, pause), pause)
end


return export
