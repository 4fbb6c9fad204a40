-- resty.ljsonschema.metaschema: the schema of JSON Schema draft 4 as a table whose arrays carry cjson.array_mt.
local cjson = require "cjson"


local function array(list)
  return setmetatable(list, cjson.array_mt)
end


local function ref(name)
  return { ["$ref"] = name and "#/definitions/" .. name or "#" }
end


local function of(kind, default)
  return { type = kind, default = default }
end


local function schema_or(other)
  return { anyOf = array { other, ref() }, default = {} }
end


local function map_of_schemas()
  return { type = "object", additionalProperties = ref(), default = {} }
end


local NAME = "http://json-schema.org/draft-04/schema#"

return {
  id = NAME,
  ["$schema"] = NAME,
  description = "Core schema meta-schema",
  type = "object",
  default = {},
  definitions = {
    positiveInteger = { type = "integer", minimum = 0 },
    positiveIntegerDefault0 = { allOf = array { ref "positiveInteger", { default = 0 } } },
    schemaArray = { type = "array", items = ref(), minItems = 1 },
    simpleTypes = { enum = array { "array", "boolean", "integer", "null", "number", "object", "string" } },
    stringArray = { type = "array", items = of "string", minItems = 1, uniqueItems = true },
  },
  properties = {
    id = of "string",
    ["$schema"] = of "string",
    title = of "string",
    description = of "string",
    default = {},
    -- Numbers.
    multipleOf = { type = "number", minimum = 0, exclusiveMinimum = true },
    maximum = of "number",
    exclusiveMaximum = of("boolean", false),
    minimum = of "number",
    exclusiveMinimum = of("boolean", false),
    -- Strings.
    maxLength = ref "positiveInteger",
    minLength = ref "positiveIntegerDefault0",
    pattern = { type = "string", format = "regex" },
    format = of "string",
    -- Arrays.
    items = schema_or(ref "schemaArray"),
    additionalItems = schema_or(of "boolean"),
    maxItems = ref "positiveInteger",
    minItems = ref "positiveIntegerDefault0",
    uniqueItems = of("boolean", false),
    -- Objects.
    properties = map_of_schemas(),
    patternProperties = map_of_schemas(),
    additionalProperties = schema_or(of "boolean"),
    maxProperties = ref "positiveInteger",
    minProperties = ref "positiveIntegerDefault0",
    required = ref "stringArray",
    dependencies = { type = "object", additionalProperties = { anyOf = array { ref(), ref "stringArray" } } },
    definitions = map_of_schemas(),
    -- Any value.
    enum = { type = "array", minItems = 1, uniqueItems = true },
    type = { anyOf = array { ref "simpleTypes", { type = "array", items = ref "simpleTypes", minItems = 1, uniqueItems = true } } },
    allOf = ref "schemaArray",
    anyOf = ref "schemaArray",
    oneOf = ref "schemaArray",
    ["not"] = ref(),
  },
  dependencies = {
    exclusiveMaximum = array { "maximum" },
    exclusiveMinimum = array { "minimum" },
  },
}
