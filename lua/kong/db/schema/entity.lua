-- Schemas of entities (as opposed to plain records): nested records are always there unless they say otherwise,
-- and fields must be of types that can be stored. Used by kong.db.entities, plugin and vault loaders, custom plugins.
-- Must never know a particular entity.
local Schema = require "kong.db.schema"

local ipairs = ipairs
local next = next
local type = type
local fmt = string.format

local Entity = {}

local NOT_NILABLE = "%s: Entities cannot have nilable types."
local NO_FUNCTIONS = "%s: Entities cannot have function types."
local MAP_KEYS_STRINGS_ONLY = "%s: Entities map keys must be strings."


local function require_records(fields)
  for _, entry in ipairs(fields) do
    local _, field = next(entry)
    if type(field) == "table" then
      if field.type == "record" and not field.abstract then
        if field.required == nil then
          field.required = true
        end
        require_records(field.fields or {})
      end
    end
  end
end


local function storable(schema)
  for name, field in schema:each_field() do
    if field.nilable then
      return nil, fmt(NOT_NILABLE, name)
    elseif field.type == "function" then
      return nil, fmt(NO_FUNCTIONS, name)
    elseif field.type == "map" and not field.abstract and field.keys and field.keys.type ~= "string" then
      return nil, fmt(MAP_KEYS_STRINGS_ONLY, name)
    end
  end
  return true
end


function Entity.new(definition)
  local schema, err = Schema.new(definition)
  if not schema then
    return nil, err
  end
  require_records(schema.fields)
  local ok
  ok, err = storable(schema)
  if not ok then
    return nil, err
  end
  Schema.register(schema)
  return schema
end


-- Makes a definition the form of entities of `parent` whose subschema key is `key`.
function Entity.new_subschema(parent, key, definition)
  if type(definition) == "table" and type(definition.fields) == "table" then
    require_records(definition.fields)
  end
  return parent:new_subschema(key, definition)
end


return Entity
