-- require "resty.ljsonschema": validators of JSON values for schemas of draft 4, compiled once into closures. Loaded by who requires it.
local cjson = require "cjson"

local arrays = require "resty.ljsonschema.arrays"
local combined = require "resty.ljsonschema.combined"
local documents = require "resty.ljsonschema.documents"
local objects = require "resty.ljsonschema.objects"
local scalars = require "resty.ljsonschema.scalars"
local values = require "resty.ljsonschema.values"

local ipairs = ipairs
local ngx = ngx
local tonumber = tonumber
local type = type

local ljsonschema = {}

local compiler_methods = {}
local compiler_mt = { __index = compiler_methods }


local function default_match(subject, pattern)
  return ngx.re.find(subject, pattern, "jo")
end


local function always()
  return true
end


-- The text as what the type asks for, when it reads as that: a function, nil when no type of the schema can be read.
local function coercion(schema)
  local wants_boolean, wants_number = false, false
  local names = schema.type
  for _, name in ipairs(type(names) == "table" and names or { names }) do
    wants_boolean = wants_boolean or name == "boolean"
    wants_number = wants_number or name == "number" or name == "integer"
  end
  if not wants_boolean and not wants_number then
    return nil
  end
  return function(text)
    if wants_boolean and (text == "true" or text == "false") then
      return text == "true"
    end
    return wants_number and tonumber(text) or text
  end
end


-- Checks by the Lua type of the value that they are for; kind.any comes for each value, first and last.
local function checks_of(self, schema)
  return {
    types = combined.types(self, schema),
    object = objects.compile(self, schema),
    array = arrays.compile(self, schema),
    string = scalars.string(self, schema),
    number = scalars.number(self, schema),
    rest = { n = 0 },
  }
end


local function combine(self, schema, checks)
  local rest = checks.rest
  for _, name in ipairs { "enum", "all", "any", "one", "no" } do
    local check = combined[name](self, schema)
    if check then
      rest.n = rest.n + 1
      rest[rest.n] = check
    end
  end
end


-- Of a table: objects and arrays share the Lua type, and an empty table without a metatable may be both.
local function check_table(checks, value, array_mt)
  local is_object, is_array = values.kind(value, array_mt)
  local err = is_object and checks.object and checks.object(value)
  return err or is_array and checks.array and checks.array(value)
end


local function compile(self, schema)
  local checks = checks_of(self, schema)
  combine(self, schema, checks)
  local coerce = self.coercion and coercion(schema)
  local types, rest, array_mt = checks.types, checks.rest, self.array_mt
  local has_table = checks.object or checks.array
  return function(value)
    if coerce and type(value) == "string" then
      value = coerce(value)
    end
    local err = types and types(value)
    if err then
      return false, err
    end
    local kind = type(value)
    if kind == "table" then
      err = has_table and check_table(checks, value, array_mt)
    elseif kind == "string" or kind == "number" then
      local check = checks[kind]
      err = check and check(value)
    end
    for i = 1, err and 0 or rest.n do
      err = rest[i](value)
      if err then
        break
      end
    end
    if err then
      return false, err
    end
    return true
  end
end


-- A table whose field `run` validates a value against the schema. It is filled after it is handed out when schemas contain themselves.
function compiler_methods:validator(schema)
  if type(schema) ~= "table" then
    error("invalid schema: got " .. type(schema))
  end
  local target = self.documents:target(schema)
  if type(target) ~= "table" then
    error("invalid schema: got " .. type(target))
  end
  local validator = self.validators[target]
  if not validator then
    validator = { run = always }
    self.validators[target] = validator
    validator.run = compile(self, target)
  end
  return validator
end


-- schema: a table. options: null (cjson.null), array_mt (cjson.array_mt; false: arrays are told by their keys), match_pattern(text, pattern),
-- str_len(text), external_resolver(uri) -> schema, coercion (texts become numbers and booleans where the schema wants those).
-- validate(value) -> true | false, message. Raises when the schema cannot be compiled.
function ljsonschema.generate_validator(schema, options)
  options = options or {}
  local array_mt = options.array_mt
  if array_mt == nil then
    array_mt = cjson.array_mt
  end
  local compiler = setmetatable({
    null = options.null or cjson.null,
    array_mt = array_mt,
    match_pattern = options.match_pattern or default_match,
    str_len = options.str_len or values.length,
    coercion = options.coercion,
    documents = documents.new(schema, options.external_resolver),
    validators = {},
  }, compiler_mt)
  return compiler:validator(schema).run
end


local validate_schema


-- Whether a schema (whose arrays carry cjson.array_mt) is one of draft 4: true | false, message.
function ljsonschema.jsonschema_validator(schema)
  validate_schema = validate_schema or ljsonschema.generate_validator(require "resty.ljsonschema.metaschema")
  return validate_schema(schema)
end


return ljsonschema
