local cjson = require "cjson"
local decoder = cjson.new()
decoder.decode_array_with_array_mt(true)
local decode = decoder.decode
local ljsonschema = require "resty.ljsonschema"


local function outcome(schema, value, options)
  local validate = ljsonschema.generate_validator(type(schema) == "string" and decode(schema) or schema, options)
  local ok, err = validate(type(value) == "string" and decode(value) or value)
  return ok, err
end


local function refuses(schema, value, message, options)
  local ok, err = outcome(schema, value, options)
  assert.is_false(ok)
  assert.equal(message, err)
end


local function accepts(schema, value, options)
  assert.same({ true }, { outcome(schema, value, options) })
end


describe("resty.ljsonschema", function()
  it("says which type was expected and which came", function()
    refuses('{"type":"integer"}', "1.5", "wrong type: expected integer, got number")
    refuses('{"type":"null"}', "[]", "wrong type: expected null, got array")
    refuses('{"type":["string","boolean"]}', "null", "wrong type: expected one of string, boolean, got null")
    refuses('{"type":"string"}', "{}", "wrong type: expected string, got object")
    accepts('{"type":["string","null"]}', "null")
    accepts({ type = "function" }, print)
    accepts({ type = "table" }, "[1]")
  end)

  it("raises over schemas that cannot be", function()
    assert.error_matches(function() outcome({ type = "nope" }, "1") end, "invalid JSON type: nope")
    assert.error_matches(function() outcome({ type = true }, "1") end, 'invalid "type" type: got boolean')
    assert.error_matches(function() outcome('{"$ref":"#/definitions/a"}', "1") end, 'reference not found: root:#/definitions/a %(at "definitions"%)')
    assert.error_matches(function() outcome('{"$ref":"http://h/a"}', "1") end, "an external resolver is required to fetch http://h/a")
    assert.error_matches(function() outcome('{"$ref":"#"}', "1") end, "reference does not end")
  end)

  it("judges the members of objects", function()
    local schema = [[{"type":"object","properties":{"a":{"type":"integer"},"b":{}},"required":["a","z"],
      "patternProperties":{"^x-":{"type":"string"}},"additionalProperties":false,"maxProperties":3,"dependencies":{"b":["a"],"c":{"minProperties":9}}}]]
    refuses(schema, '{"a":"1","z":1}', "property a validation failed: wrong type: expected integer, got string")
    refuses(schema, '{"b":1}', "property a is required")
    refuses(schema, '{"a":1}', "property z is required")
    refuses(schema:gsub('"z"', '"x-z"'), '{"a":1,"x-z":2}', "failed to validate x-z (matching ^x-): wrong type: expected string, got integer")
    refuses(schema, '{"a":1,"z":2}', "additional properties forbidden, found z")
    refuses('{"dependencies":{"b":["a"]}}', '{"b":1}', "property a is required when b is set")
    refuses('{"dependencies":{"b":{"minProperties":2}}}', '{"b":1}',
            "failed to validate dependent schema for b: expect object to have at least 2 properties")
    refuses('{"maxProperties":1}', '{"b":1,"a":2}', "expect object to have at most 1 properties")
    refuses('{"additionalProperties":{"type":"null"}}', '{"b":1}',
            "failed to validate additional property b: wrong type: expected null, got integer")
  end)

  it("judges the items of arrays", function()
    refuses('{"items":{"type":"string"}}', '["a",1]', "failed to validate item 2: wrong type: expected string, got integer")
    refuses('{"items":[{"type":"string"}],"additionalItems":false}', '["a",1]', "found unexpected extra items in array")
    refuses('{"items":[{}],"additionalItems":{"type":"null"}}', '["a",1]',
            "failed to validate additional item 2: wrong type: expected null, got integer")
    refuses('{"minItems":2}', "[1]", "expect array to have at least 2 items")
    refuses('{"maxItems":1}', "[1,2]", "expect array to have at most 1 items")
    refuses('{"uniqueItems":true}', '[1,{"a":[1]},true,{"a":[1]}]', "expected unique items but items 4 and 2 are equal")
    accepts('{"uniqueItems":true}', '[1,true,"1",[1],{"a":1}]')
  end)

  it("judges strings by characters, patterns and formats", function()
    refuses('{"minLength":3}', '"äö"', "string too short, expected at least 3, got 2")
    refuses('{"maxLength":1}', '"äö"', "string too long, expected at most 1, got 2")
    refuses('{"pattern":"^a%$"}', '"b"', 'failed to match pattern ^a%$ with "b"')
    refuses('{"format":"date"}', '"2023-02-30"', 'expected valid "date", got "2023-02-30"')
    refuses('{"format":"date"}', '"2024-02-30"', 'expected valid leap year date, got "2024-02-30"')
    refuses('{"format":"time"}', '"24:00:00Z"', 'expected valid "time", got "24:00:00Z"')
    refuses('{"format":"date-time"}', '"2024-02-29 10:00:00Z"', 'expected valid "date-time", got "2024-02-29 10:00:00Z"')
    accepts('{"format":"date-time"}', '"2024-02-29T10:00:00.5+01:00"')
    accepts('{"format":"email"}', '"anything"')
  end)

  it("judges numbers without losing digits", function()
    refuses('{"minimum":2}', "1.5", "expected 1.5 to be greater than 2")
    refuses('{"minimum":2,"exclusiveMinimum":true}', "2", "expected 2 to be sctrictly greater than 2")
    refuses('{"maximum":9007199254740991}', "9007199254740992", "expected 9007199254740992 to be smaller than 9007199254740991")
    refuses('{"multipleOf":0.01}', "0.0075", "expected 0.0075 to be a multiple of 0.01")
    accepts('{"multipleOf":0.0001}', "0.0075")
  end)

  it("combines schemas", function()
    refuses('{"anyOf":[{"type":"integer"},{"minimum":2}]}', "1.5", "object needs one of the following rectifications: "
            .. "1) wrong type: expected integer, got number; 2) expected 1.5 to be greater than 2")
    refuses('{"allOf":[{},{"minimum":2}]}', "1", "allOf 2 failed: expected 1 to be greater than 2")
    refuses('{"oneOf":[{},{"type":"null"},{}]}', "1", "value should match only one schema, but matches both schemas 1 and 3")
    refuses('{"oneOf":[{"type":"null"}]}', "1", "value should match only one schema, but matches none")
    refuses('{"not":{}}', "1", "value wasn't supposed to match schema")
    refuses('{"enum":[1,"a",null,{"a":[1]}]}', "true", "matches none of the enum values")
    accepts('{"enum":[1,"a",null,{"a":[1]}]}', '{"a":[1]}')
    accepts('{"enum":[false,null]}', "null")
  end)

  it("follows references: to itself, ids, other documents", function()
    local tree = '{"properties":{"next":{"$ref":"#"}},"required":["value"]}'
    refuses(tree, '{"value":1,"next":{}}', "property next validation failed: property value is required")
    local with_ids = [[{"id":"http://h/dir/root.json","properties":{"a":{"$ref":"leaf.json#/definitions/n"},"b":{"$ref":"#anchor"},
      "c":{"$ref":"#/properties/x~1y"},"x/y":{"type":"null"}},
      "definitions":{"x":{"id":"#anchor","type":"string"},"l":{"id":"leaf.json","definitions":{"n":{"type":"integer"}}}}}]]
    refuses(with_ids, '{"a":"1"}', "property a validation failed: wrong type: expected integer, got string")
    refuses(with_ids, '{"b":1}', "property b validation failed: wrong type: expected string, got integer")
    refuses(with_ids, '{"c":1}', "property c validation failed: wrong type: expected null, got integer")
    local asked = {}
    local function resolver(name)
      asked[#asked + 1] = name
      return name == "http://h/dir/other.json" and decode('{"items":{"$ref":"third.json"}}') or { type = "boolean" }
    end
    refuses('{"id":"http://h/dir/root.json","$schema":"x","allOf":[{"$ref":"../dir/other.json#"}]}', "[1]",
            "allOf 1 failed: failed to validate item 1: wrong type: expected boolean, got integer", { external_resolver = resolver })
    assert.same({ "http://h/dir/other.json", "http://h/dir/third.json" }, asked)
  end)

  it("does not write into schemas", function()
    local schema = decode('{"properties":{"a":{"id":"x.json","$ref":"#/definitions/b"}},"definitions":{"b":{}}}')
    local before = cjson.encode(schema)
    accepts(schema, '{"a":1}')
    assert.same(decode(before), schema)
  end)

  it("reads texts as what the schema wants when told to", function()
    local coercion = { coercion = true }
    accepts('{"type":"integer","minimum":1}', '"2"', coercion)
    accepts('{"type":["boolean","number"]}', '"true"', coercion)
    refuses('{"type":"integer"}', '"1.5"', "wrong type: expected integer, got number", coercion)
    refuses('{"type":"boolean"}', '"yes"', "wrong type: expected boolean, got string", coercion)
    refuses('{"type":"integer"}', '"2"', "wrong type: expected integer, got string")
  end)

  it("takes the caller's idea of arrays, null, patterns and lengths", function()
    accepts({ type = "array" }, {}, { array_mt = false })
    accepts({ type = "object" }, {}, { array_mt = false })
    refuses({ type = "array" }, { 1, a = 2 }, "wrong type: expected array, got object", { array_mt = false })
    refuses({ type = "array" }, { 1 }, "wrong type: expected array, got object")
    local mine = {}
    accepts({ type = "array" }, setmetatable({ 1 }, mine), { array_mt = mine })
    accepts({ type = "null" }, mine, { null = mine })
    refuses({ minLength = 1 }, '"abc"', "failed to get string length, invalid utf8", { str_len = function() return nil end })
    accepts({ pattern = "%d" }, '"a1"', { match_pattern = string.find })
  end)

  it("knows the schema of schemas", function()
    local validate = ljsonschema.jsonschema_validator
    assert.is_true(validate(decode('{"type":["string","null"],"items":[{"minimum":1}],"required":["a"]}')))
    assert.is_false(validate(decode('{"type":"strin"}')))
    assert.same({ false, "property minLength validation failed: allOf 1 failed: expected -1 to be greater than 0" },
                { validate(decode('{"minLength":-1}')) })
    accepts('{"$ref":"http://json-schema.org/draft-04/schema#"}', '{"multipleOf":1}')
  end)
end)
