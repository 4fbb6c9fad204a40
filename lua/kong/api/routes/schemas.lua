-- /schemas/...: entity, plugin and vault schemas as tools read them, and validation without writing.
-- Used by kong.api. Must never show functions.
local entities = require "kong.api.entities"
local value = require "kong.db.schema.value"

local fmt = string.format
local getmetatable = getmetatable
local ipairs = ipairs
local next = next
local pairs = pairs
local setmetatable = setmetatable
local type = type

local array_mt = value.array_mt

local schemas = {}

local HIDDEN = { custom_validator = true, func = true, translate_backwards_with = true, translate_backwards = true }


local printable


-- Lists of one-key tables lose the entries by name that schemas keep beside them.
local function printable_list(list)
  local out = setmetatable({}, array_mt)
  for _, entry in ipairs(list) do
    local made = printable(entry)
    if made ~= nil then
      out[#out + 1] = made
    end
  end
  return out
end


local LISTS = { fields = true, entity_checks = true, shorthand_fields = true }


function printable(v)
  if type(v) == "function" then
    return nil
  elseif type(v) ~= "table" then
    return v
  end
  if value.is_array(v) and next(v) ~= nil then
    return printable_list(v)
  end
  local out = {}
  for k, item in pairs(v) do
    if not HIDDEN[k] and type(k) == "string" then
      if LISTS[k] and type(item) == "table" then
        out[k] = printable_list(item)
      elseif type(item) == "table" and next(item) == nil then
        out[k] = setmetatable({}, getmetatable(item) or array_mt)
      else
        out[k] = printable(item)
      end
    elseif type(k) == "number" then
      out[k] = printable(item)
    end
  end
  return out
end


-- Checks whose body is a function say nothing to a reader.
local function checks_of(schema)
  local list = setmetatable({}, array_mt)
  for _, check in ipairs(schema.entity_checks or {}) do
    local name, arg = next(check)
    if name ~= "custom_entity_check" then
      list[#list + 1] = { [name] = printable(arg) }
    end
  end
  return list
end


local function shown_schema(schema)
  local checks = checks_of(schema)
  return {
    fields = printable_list(schema.fields),
    entity_checks = #checks > 0 and checks or nil,
  }
end


local function entity_schema(self, db)
  local info = db.entities:get(self.params.name)
  if not info then
    return 404, { message = fmt("No entity named '%s'", self.params.name) }
  end
  return 200, shown_schema(info.schema)
end


local function subschema(entity, what)
  return function(self, db)
    local found = db.entities:get(entity).schema.subschemas[self.params.name]
    if not found then
      return 404, { message = fmt("No %s named '%s'", what, self.params.name) }
    end
    return 200, shown_schema(found)
  end
end


local function config_fields(self, db)
  local found = db.entities:get("plugins").schema.subschemas[self.params.name]
  if not found then
    return 404, { message = fmt("No plugin named '%s'", self.params.name) }
  end
  for _, entry in ipairs(found.fields) do
    local name, field = next(entry)
    if name == "config" then
      return 200, printable(field)
    end
  end
  return 200, {}
end


local function check(schema, args, db)
  local entity = schema:process_auto_fields(args, "insert")
  local ok, errs = schema:validate_insert(entity)
  if ok then
    return 200, { message = "schema validation successful" }
  end
  return entities.failure(db.errors:schema_violation(errs))
end


local function validate(entity)
  return function(self, db)
    local name = entity or self.params.db_entity_name
    local info = db.entities:get(name)
    if not info then
      return 404, { message = fmt("No entity named '%s'", name) }
    end
    local args = entities.write_args(self, db.daos[name])
    return check(info.schema, args, db)
  end
end


function schemas.register(router)
  router:add("/schemas/:name", { GET = entity_schema })
  router:add("/schemas/plugins/:name", { GET = subschema("plugins", "plugin") })
  router:add("/schemas/vaults/:name", { GET = subschema("vaults", "vault") })
  router:add("/schemas/filters/:name", { GET = function(self)
    return 404, { message = fmt("Filter '%s' not found", self.params.name) }
  end })
  router:add("/schemas/:db_entity_name/validate", { POST = validate() })
  router:add("/schemas/plugins/validate", { POST = validate("plugins") })
  router:add("/schemas/vaults/validate", { POST = validate("vaults") })
  router:add("/plugins/schema/:name", { GET = config_fields })
end


return schemas
