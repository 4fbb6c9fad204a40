-- The flattened form of a schema (or of a schema specialised by one of its subschemas) that validation
-- and filling run over: arrays of names, fields and check functions instead of one-key tables.
-- Used by kong.db.schema only. Must never outlive a change of the schema: views are built on first use.
local compile = require "kong.db.schema.compile"
local value = require "kong.db.schema.value"

local ipairs = ipairs
local next = next
local type = type

local null = value.null

local view = {}


local function append_all(list, more)
  for _, item in ipairs(more or {}) do
    list[#list + 1] = item
  end
end


local function shorthand_list(schema)
  local list, names = {}, {}
  for _, entry in ipairs(schema.shorthand_fields or {}) do
    local name, field = next(entry)
    list[#list + 1] = { name = name, field = field }
    names[name] = field
  end
  return list, names
end


-- How fill treats a field, so that its loop needs no look at the definition for plain values.
local function default_kind(field, is_entity)
  local default = field.default
  if type(default) == "table" and is_entity and (field.type == "set" or field.type == "array")
     and type(default[1]) ~= "table" then
    return "shared"
  elseif type(default) == "table" or field.type == "record" then
    return "made"
  elseif default == null then
    return "null"
  elseif default ~= nil then
    return "scalar"
  elseif field.required then
    return "none"
  end
  return "null"
end


-- class: kong.db.schema, which answers record_schema and foreign_schema for compile.
function view.new(schema, subschema, class)
  local names, fields, checks, defaults, kinds, known = {}, {}, {}, {}, {}, {}
  local n = 0
  local autos = {}
  local function add(name, field)
    n = n + 1
    names[n], fields[n] = name, field
    known[name] = n
    checks[n] = compile.field(field, class)
    kinds[n] = default_kind(field, schema.primary_key ~= nil)
    if kinds[n] == "scalar" then
      defaults[n] = field.default
    end
    autos[n] = field.auto or false
  end
  for _, entry in ipairs(schema.fields) do
    local name, field = next(entry)
    local special = subschema and subschema.fields[name]
    add(name, special or field)
  end
  local entity_checks = {}
  append_all(entity_checks, schema.entity_checks)
  append_all(entity_checks, subschema and subschema.entity_checks)
  local transformations = {}
  append_all(transformations, schema.transformations)
  append_all(transformations, subschema and subschema.transformations)
  local shorthands, shorthand_names = shorthand_list(schema)
  return {
    n = n,
    names = names,
    fields = fields,
    checks = checks,
    kinds = kinds,
    defaults = defaults,
    autos = autos,
    known = known,
    entity_checks = entity_checks,
    transformations = transformations,
    shorthands = shorthands,
    shorthand_names = shorthand_names,
    has_subschema = subschema ~= nil,
    -- Defaults that depend on other fields.
    prefill = schema.prefill,
    own_checks = { schema.check, subschema and subschema.check },
  }
end


return view
