-- Judges schema definitions of plugins and their entities before they are used: unknown attributes, wrong shapes,
-- unknown types. Used by kong.db.plugins. Must never judge values of a configuration.
local Schema = require "kong.db.schema"
local value = require "kong.db.schema.value"

local ipairs = ipairs
local next = next
local pairs = pairs
local type = type
local fmt = string.format

local metaschema = {}


-- attribute -> type of its value ("any": whatever).
local FIELD_ATTRIBUTES = {
  type = "string", required = "boolean", nilable = "boolean", auto = "boolean", default = "any", eq = "any",
  ne = "any", gt = "number", between = "table", one_of = "table", not_one_of = "table", contains = "any",
  len_eq = "number", len_min = "number", len_max = "number", match = "string", not_match = "string",
  match_all = "table", match_none = "table", match_any = "table", starts_with = "string", is_regex = "boolean",
  uuid = "boolean", timestamp = "boolean", unique = "boolean", unique_across_ws = "boolean", elements = "table",
  keys = "table", values = "table", fields = "table", entity_checks = "table", shorthand_fields = "table",
  transformations = "table", reference = "string", on_delete = "string", schema = "table", abstract = "boolean",
  err = "string", encrypted = "any", referenceable = "boolean", transient = "boolean", immutable = "boolean",
  legacy = "boolean", description = "string", examples = "table", deprecation = "table", json_schema = "table",
  generate_admin_api = "boolean", custom_validator = "function", mutually_exclusive_subsets = "table",
  indexed = "boolean", hidden = "boolean", prefix_ws = "boolean", func = "function", translate_backwards = "table",
  translate_backwards_with = "function", subschema_key = "string", subschema_error = "string", name = "string",
  db_export = "boolean",
}

local SCHEMA_ATTRIBUTES = {
  name = "string", primary_key = "table", workspaceable = "boolean", endpoint_key = "string", cache_key = "table",
  ttl = "boolean", subschema_key = "string", subschema_error = "string", generate_admin_api = "boolean",
  admin_api_name = "string", admin_api_nested_name = "string", db_export = "boolean", dao = "string",
  fields = "table", entity_checks = "table", shorthand_fields = "table", transformations = "table",
  check = "function", table_name = "string", triggers = "any", description = "string",
}

local SUBSCHEMA_ATTRIBUTES = {
  name = "string", fields = "table", entity_checks = "table", shorthand_fields = "table",
  transformations = "table", check = "function", description = "string",
}


local function attribute_errors(definition, attributes)
  local errs
  for name, v in pairs(definition) do
    -- Fields are also reachable by name once a schema was made of the definition.
    if type(name) == "string" then
      local wanted = attributes[name]
      local err
      if not wanted then
        err = "unknown field"
      elseif wanted ~= "any" and type(v) ~= wanted and v ~= value.null then
        err = fmt("expected a %s", wanted == "table" and "record" or wanted)
      end
      if err then
        errs = errs or {}
        errs[name] = err
      end
    end
  end
  return errs
end


local check_fields


local function check_field(field)
  if type(field) ~= "table" then
    return "expected a record"
  end
  local errs = attribute_errors(field, FIELD_ATTRIBUTES)
  local kind = field.type
  if kind == nil then
    errs = errs or {}
    errs.type = "required field missing"
    return errs
  elseif type(kind) == "string" and not Schema.valid_types[kind] then
    errs = errs or {}
    errs.type = "unknown type: " .. kind
  end
  if type(field.fields) == "table" then
    local inner = check_fields(field.fields)
    if inner then
      errs = errs or {}
      errs.fields = inner
    end
  end
  for _, part in ipairs { "elements", "values", "keys" } do
    if type(field[part]) == "table" then
      local inner = check_field(field[part])
      if inner then
        errs = errs or {}
        errs[part] = inner
      end
    end
  end
  return errs
end


-- An array of tables with one key each.
function check_fields(fields, loose)
  local errs
  for i, entry in ipairs(fields) do
    local err
    local name, field
    if type(entry) == "table" then
      name, field = next(entry)
    end
    if type(name) ~= "string" or next(entry, name) ~= nil then
      err = "expected a record with one field"
    else
      local inner
      if not (loose and type(field) == "table" and field.type == nil) then
        inner = check_field(field)
      end
      err = inner and { [name] = inner }
    end
    if err then
      errs = errs or {}
      errs[i] = err
    end
  end
  if #fields == 0 and next(fields) ~= nil then
    return "expected an array"
  end
  return errs
end


local function check(definition, attributes, loose)
  if type(definition) ~= "table" then
    return { ["@entity"] = { "expected a record" } }
  end
  local errs = attribute_errors(definition, attributes) or {}
  if type(definition.fields) ~= "table" then
    errs.fields = definition.fields == nil and "required field missing" or "expected an array"
  else
    errs.fields = check_fields(definition.fields, loose)
  end
  return errs
end


-- Returns errors by attribute, or nil when the definition of a plugin's configuration is fine.
function metaschema.check_subschema(definition)
  local errs = check(definition, SUBSCHEMA_ATTRIBUTES, true)
  if type(definition) == "table" and definition.name == nil then
    errs.name = "required field missing"
  end
  return next(errs) and errs or nil
end


-- The same for a whole entity.
function metaschema.check_entity(definition)
  local errs = check(definition, SCHEMA_ATTRIBUTES)
  if type(definition) == "table" then
    if definition.name == nil then
      errs.name = "required field missing"
    end
    if definition.primary_key == nil then
      errs.primary_key = "required field missing"
    end
  end
  return next(errs) and errs or nil
end


return metaschema
