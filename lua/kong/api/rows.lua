-- Rows as the Admin API prints them: every field of the schema, null where there is nothing, arrays as arrays.
-- Used by kong.api and kong.db.declarative.export. Must never change a row.
local value = require "kong.db.schema.value"

local ipairs = ipairs
local next = next
local setmetatable = setmetatable

local array_mt = value.array_mt
local mark_arrays = value.mark_arrays

local rows = {}

local NO_RESOLVING = { resolve = false }


-- A copy of a row for printing. The workspace stays inside.
function rows.show(schema, row)
  local shown = schema:process_auto_fields(row, "select", true, NO_RESOLVING)
  shown.ws_id = nil
  -- Of rows that end it is told how long they have left.
  if schema.ttl and row.ttl then
    shown.ttl = math.max(0, row.ttl - ngx.time())
  elseif schema.ttl and kong.db.writer then
    shown.ttl = value.null
  end
  return mark_arrays(shown)
end


-- pause: called between rows, may be nil.
function rows.show_all(schema, list, pause)
  local shown = {}
  for i, row in ipairs(list) do
    shown[i] = rows.show(schema, row)
    if pause and i % 16 == 0 then
      pause()
    end
  end
  return setmetatable(shown, array_mt)
end


-- A plain array that prints as [] when empty.
function rows.array(list)
  if next(list) == nil then
    return setmetatable({}, array_mt)
  end
  return list
end


return rows
