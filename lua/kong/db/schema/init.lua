-- The schema class: describes an entity or record, validates it, fills it, prints its errors.
-- Used by kong.db entities, plugin loaders, the declarative loader, the Admin API and custom plugins.
-- Must never read a configuration or a database: what it needs to know is registered with it.
local compile = require "kong.db.schema.compile"
local entity_checks = require "kong.db.schema.entity_checks"
local error_text = require "kong.db.schema.error_text"
local fill = require "kong.db.schema.fill"
local messages = require "kong.db.schema.messages"
local transform = require "kong.db.schema.transform"
local validators = require "kong.db.schema.validators"
local select_row = require "kong.db.schema.select"
local value = require "kong.db.schema.value"
local view = require "kong.db.schema.view"

local type = type
local next = next
local pairs = pairs
local ipairs = ipairs
local tostring = tostring
local setmetatable = setmetatable
local fmt = string.format

local null = value.null

local Schema = {}
Schema.__index = Schema

Schema.validation_errors = messages
Schema.valid_types = {
  array = true, set = true, string = true, number = true, boolean = true, integer = true,
  foreign = true, map = true, record = true, json = true, ["function"] = true, any = true,
  self = true,
}


-- Validators as plugin schemas call them: Schema.validators.between(v, {1, 2}) -> true | nil, error.
Schema.validators = {}
for _, name in ipairs(validators.ORDER) do
  local make = validators[name]
  Schema.validators[name] = function(v, arg)
    local check = make(arg == nil and true or arg)
    if not check then
      return true
    end
    return check(v)
  end
end


-- Entity schemas by name, so that foreign fields can check keys.
local registry = {}
local record_schemas = setmetatable({}, { __mode = "k" })

-- True while an already filled entity is being validated: records then need no second filling.
local prefilled = false


local function allow_by_name(fields)
  for _, entry in ipairs(fields) do
    local name, field = next(entry)
    fields[name] = field
    if type(field) == "table" and field.type == "record" and field.fields then
      allow_by_name(field.fields)
    end
    local elements = type(field) == "table" and (field.elements or field.values)
    if type(elements) == "table" and elements.fields then
      allow_by_name(elements.fields)
    end
  end
end


function Schema.new(definition, is_subschema)
  if type(definition) ~= "table" then
    return nil, messages.NO_DEFINITION
  end
  if type(definition.fields) ~= "table" then
    return nil, messages.NO_FIELDS
  end
  local self = {}
  for k, v in pairs(definition) do
    self[k] = v
  end
  setmetatable(self, Schema)
  allow_by_name(self.fields)
  self.views = {}
  if not is_subschema and not self.subschemas then
    self.subschemas = {}
  end
  return self
end


-- typedefs: a field definition that can be called with more attributes. The argument wins.
function Schema.define(definition)
  return setmetatable(definition, {
    __call = function(own, extra)
      extra = extra or {}
      for k, v in pairs(own) do
        if extra[k] == nil then
          extra[k] = v
        end
      end
      return extra
    end,
  })
end


function Schema.register(schema)
  registry[schema.name] = schema
end


function Schema.get_registered(name)
  return registry[name]
end


function Schema.record_schema(field)
  local schema = record_schemas[field]
  if not schema then
    schema = Schema.new({
      name = field.name or "record",
      fields = field.fields or {},
      entity_checks = field.entity_checks,
      shorthand_fields = field.shorthand_fields,
      transformations = field.transformations,
    }, true)
    record_schemas[field] = schema
  end
  return schema
end


function Schema.foreign_schema(field)
  return registry[field.reference]
end


-- Makes `definition` answer for entities whose subschema key (plugins: name) is `key`.
function Schema:new_subschema(key, definition)
  if type(key) ~= "string" or key == "" then
    error("key must be a string", 2)
  end
  if type(definition) ~= "table" then
    return nil, messages.NO_DEFINITION
  end
  if not self.subschema_key then
    return nil, fmt(messages.SUBSCHEMA_BAD_PARENT, tostring(self.name))
  end
  local subschema, err = Schema.new(definition, true)
  if not subschema then
    return nil, err
  end
  for _, entry in ipairs(subschema.fields) do
    local name, field = next(entry)
    local parent = self.fields[name]
    if not parent then
      return nil, fmt("%s: " .. messages.SUBSCHEMA_BAD_FIELD, key, name)
    end
    if field.type ~= nil and parent.type ~= field.type then
      return nil, fmt("%s: " .. messages.SUBSCHEMA_BAD_TYPE, key)
    end
  end
  self.subschemas[key] = subschema
  self.views[key] = nil
  return true
end


function Schema:get_subschema(entity)
  local key = self.subschema_key
  if not key or type(entity) ~= "table" then
    return nil
  end
  local name = entity[key]
  if type(name) ~= "string" then
    return nil
  end
  return self.subschemas[name]
end


function Schema:view_for(entity)
  local key = self.subschema_key
  if key then
    local name = entity and entity[key]
    local subschema = type(name) == "string" and self.subschemas[name]
    if subschema then
      local special = self.views[name]
      if not special then
        special = view.new(self, subschema, Schema)
        self.views[name] = special
      end
      return special
    end
  end
  local plain = self.views[1]
  if not plain then
    plain = view.new(self, nil, Schema)
    self.views[1] = plain
  end
  return plain
end


-- Iterates (name, field); with an entity given, fields of its subschema take the place of abstract ones.
function Schema:each_field(entity)
  local plan = self:view_for(entity)
  local i = 0
  return function()
    i = i + 1
    if i <= plan.n then
      return plan.names[i], plan.fields[i]
    end
  end
end


-- The definition of a field by dotted path, also through subschemas of plugins.
function Schema:get_field(path)
  local fields = self.fields
  local field
  for part in path:gmatch("[^.]+") do
    field = fields and fields[part]
    if not field then
      break
    end
    fields = field.fields
  end
  if field or not self.checking then
    return field
  end
  fields = self.checking.fields
  for part in path:gmatch("[^.]+") do
    field = fields and fields[part]
    if not field then
      return nil
    end
    fields = field.fields
  end
  return field
end


function Schema:validate_field(field, v)
  return compile.field(field, Schema)(v)
end


local function collect_field_errors(self, plan, input, full_check, skip)
  local errors
  local names, fields, checks, autos = plan.names, plan.fields, plan.checks, plan.autos
  for i = 1, plan.n do
    local name = names[i]
    local v = input[name]
    if v ~= nil then
      local field = fields[i]
      if not (v == null and autos[i]) and not (field.abstract and not plan.has_subschema) then
        local ok, err = checks[i](v)
        if not ok then
          errors = errors or {}
          errors[name] = err
        end
      end
    elseif full_check and fields[i].required and not autos[i] and name ~= skip
      and not fields[i].abstract then
      errors = errors or {}
      errors[name] = messages.REQUIRED
    end
  end
  local known = plan.known
  for name in next, input do
    if not known[name] then
      local err = self:unknown_field_error(plan, input, name)
      if err then
        errors = errors or {}
        errors[name] = err
      end
    end
  end
  return errors
end


-- What to say of a field that is not in the schema: shorthands and ttl may still be fine.
function Schema:unknown_field_error(plan, input, name)
  local shorthand = plan.shorthand_names[name]
  if shorthand then
    local mismatch = fill.shorthand_error(input, name)
    if mismatch then
      return mismatch
    end
    local _, err = compile.field(shorthand, Schema)(input[name])
    return err
  end
  if name == "ws_id" and self.workspaceable then
    return nil
  end
  if name == "ttl" and self.ttl then
    local v = input.ttl
    if v == null or type(v) == "number" and v >= 0 and v <= 100000000 then
      return nil
    end
    return fmt(messages.BETWEEN, "0", "100000000")
  end
  return messages.UNKNOWN
end


-- Nothing else can be said of an entity whose kind (a plugin's name) is unknown.
local function subschema_error(self, input)
  local key = self.subschema_key
  local name = key and input[key]
  if type(name) == "string" and not self.subschemas[name] then
    return { [key] = fmt(self.subschema_error or messages.SUBSCHEMA_UNKNOWN, name) }
  end
end


local function run_checks(self, plan, input, full_check, errors)
  if #plan.entity_checks > 0 then
    self.checking = self.subschema_key and self:get_subschema(input) or nil
    entity_checks.run(self, plan.entity_checks, input, full_check, errors, prefilled)
    self.checking = nil
  end
  for i = 1, 2 do
    local check = plan.own_checks[i]
    if check and next(errors) == nil then
      local ok, err = check(input)
      if not ok and err then
        entity_checks.add_error(errors, err)
      end
    end
  end
end


-- Validates without filling; `skip` names a field that may be absent (the parent of a nested child).
local function validate_plain(self, input, full_check, skip)
  local plan = self:view_for(input)
  local unknown = not plan.has_subschema and subschema_error(self, input)
  if unknown then
    return nil, unknown
  end
  local errors = collect_field_errors(self, plan, input, full_check, skip)
  if #plan.entity_checks > 0 or plan.own_checks[1] or plan.own_checks[2] then
    errors = errors or {}
    run_checks(self, plan, input, full_check, errors)
  end
  if errors and next(errors) ~= nil then
    return nil, errors
  end
  return true
end


function Schema:validate(input, full_check)
  if type(input) ~= "table" then
    return nil, { ["@entity"] = { messages.RECORD } }
  end
  prefilled = false
  return validate_plain(self, input, full_check ~= false)
end


-- For input that went through fill: nested records are taken as they are.
function Schema:validate_filled(input, skip)
  prefilled = true
  local ok, err = validate_plain(self, input, true, skip)
  prefilled = false
  return ok, err
end


function Schema:validate_record(input)
  if not prefilled then
    input = self:fill(value.deep_copy(input), "insert", true)
  end
  return validate_plain(self, input, true)
end


function Schema:validate_insert(input)
  return self:validate(input, true)
end


function Schema:validate_upsert(input)
  return self:validate(input, true)
end


-- given: the fields that are changed, old: the row before; without them only `input` is looked at.
function Schema:validate_update(input, given, old)
  entity_checks.is_update = true
  local ok, errs = self:validate(input, false)
  entity_checks.is_update = false
  local err = given and old and transform.check(self:view_for(input), given, old)
  if err then
    errs = errs or {}
    errs["@entity"] = errs["@entity"] or {}
    table.insert(errs["@entity"], err)
    ok = nil
  end
  return ok, errs
end


function Schema:validate_primary_key(pk, ignore_others)
  local errors
  local is_pk = {}
  for _, name in ipairs(self.primary_key) do
    is_pk[name] = true
    local field = self.fields[name]
    local v = pk[name]
    local err
    if v == nil or v == null then
      err = messages.MISSING_PK
    elseif field.type == "foreign" then
      local target = registry[field.reference]
      local _
      if target and type(v) == "table" then
        _, err = target:validate_primary_key(v, true)
      end
    else
      local _
      _, err = compile.field(field, Schema)(v)
    end
    if err then
      errors = errors or {}
      errors[name] = err
    end
  end
  if not ignore_others then
    for name in pairs(pk) do
      if not is_pk[name] then
        errors = errors or {}
        errors[name] = messages.NOT_PK
      end
    end
  end
  if errors then
    return nil, errors
  end
  return true
end


function Schema:extract_pk_values(entity)
  local pk = {}
  for _, name in ipairs(self.primary_key) do
    pk[name] = entity[name]
  end
  return pk
end


-- Fills in place; see kong.db.schema.fill for what the contexts mean.
function Schema:fill(data, context, nulls)
  return fill.entity(self:view_for(data), data, context, nulls, Schema)
end


function Schema:process_auto_fields(data, context, nulls, opts)
  local copy = value.deep_copy(data)
  context = context or "insert"
  if context == "select" then
    return select_row.process(self, copy, nulls, opts)
  end
  -- The third value: whether immutable fields have to be checked. None are.
  return self:fill(copy, context, nulls ~= false), nil, false
end


function Schema:transform(input, original, context)
  return transform.run(self:view_for(original or input), input, original, context)
end


function Schema:merge_values(from, into)
  local merged = value.deep_merge(into or {}, from)
  for name, field in self:each_field(merged) do
    if merged[name] ~= nil and from[name] ~= nil and field.type ~= "record" then
      merged[name] = from[name]
    end
  end
  return merged
end


-- One line for a log or an error message | nil.
function Schema:errors_to_string(errors)
  return error_text.summary(errors)
end


function Schema:get_constraints()
  return self.constraints or {}
end


return Schema
