-- Parents that a row names by a unique field ({name = "s"}) become references ({id = ...}).
-- Used by the DAOs before they check a row. Must never change what the caller gave.
local value = require "kong.db.schema.value"

local ipairs = ipairs
local next = next
local pairs = pairs
local type = type

local null = value.null

local foreign_keys = {}


-- The parent's row that a table of one unique field means.
local function find(db, reference, v)
  local name, wanted = next(v)
  local parent = db.daos[reference]
  if not parent or next(v, name) ~= nil then
    return nil, false
  end
  local field = parent.schema.fields[name]
  if not field or not (field.unique or parent.schema.endpoint_key == name) then
    return nil, false
  end
  local select_by = parent["select_by_" .. name]
  return select_by and select_by(parent, wanted, { raw = true }), true
end


-- A copy of the entity with all references resolved, or the entity itself | nil, err_t.
function foreign_keys.resolve(self, entity)
  local resolved, unresolved = entity, nil
  for _, foreign in ipairs(self.info.foreigns) do
    local v = entity[foreign.name]
    if type(v) == "table" and v ~= null and v.id == nil and next(v) ~= nil then
      local row, is_key = find(self.db, foreign.reference, v)
      if row then
        if resolved == entity then
          resolved = {}
          for k, item in pairs(entity) do
            resolved[k] = item
          end
        end
        resolved[foreign.name] = { id = row.id }
      elseif is_key then
        unresolved = unresolved or {}
        unresolved[#unresolved + 1] = { name = foreign.name, value = v, reference = foreign.reference }
      end
    end
  end
  if unresolved then
    return nil, self.errors:foreign_keys_unresolved(unresolved)
  end
  return resolved
end


return foreign_keys
