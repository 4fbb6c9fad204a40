-- .proto texts to file descriptors as tables; names of types stay as they are written.
local Lexer = require "pb.proto_lexer"

local ipairs = ipairs
local tonumber = tonumber

local Parser = {}

local SCALARS = {}
for _, name in ipairs { "double", "float", "int64", "uint64", "int32", "fixed64", "fixed32", "bool", "string", "bytes", "uint32",
                        "sfixed32", "sfixed64", "sint32", "sint64" } do
  SCALARS[name] = "TYPE_" .. name:upper()
end


local function push(t, key, value)
  local list = t[key]
  if not list then
    list = {}
    t[key] = list
  end
  list[#list + 1] = value
  return list
end


local aggregate

-- A constant: number, text, boolean, name, or a { ... } or [ ... ] of them.
local function constant(lex)
  if lex:accept("-") then
    return -tonumber(lex:expect("number", "number"))
  end
  lex:accept("+")
  if lex.kind == "number" then
    return tonumber(lex:accept("number"))
  elseif lex.kind == "string" then
    local text = lex:accept("string")
    while lex.kind == "string" do
      text = text .. lex:accept("string")
    end
    return text
  elseif lex.kind == "{" then
    return aggregate(lex)
  elseif lex:accept("[") then
    local list = {}
    while not lex:accept("]") do
      list[#list + 1] = constant(lex)
      lex:accept(",")
    end
    return list
  end
  local name = lex:full_name()
  if name == "true" then
    return true
  elseif name == "false" then
    return false
  end
  return name
end


-- The text form of a message: { name: value other { ... } }. A name that comes twice makes a list.
function aggregate(lex)
  lex:expect("{")
  local t, seen = {}, {}
  while not lex:accept("}") do
    local key
    if lex:accept("[") then
      key = lex:full_name()
      lex:expect("]")
    else
      key = lex:expect("name", "name")
    end
    lex:accept(":")
    local value = constant(lex)
    if seen[key] == 1 then
      t[key] = { t[key], value }
    elseif seen[key] then
      t[key][seen[key] + 1] = value
    else
      t[key] = value
    end
    seen[key] = (seen[key] or 0) + 1
    if not lex:accept(",") then
      lex:accept(";")
    end
  end
  return t
end


-- name = constant, behind "option" or inside [ ].
local function one_option(lex, options)
  local name
  if lex:accept("(") then
    name = lex:full_name()
    lex:expect(")")
    while lex:accept(".") do
      name = name .. "." .. lex:full_name()
    end
  else
    name = lex:full_name()
  end
  lex:expect("=")
  options[name:gsub("^%.", "")] = constant(lex)
end


local function option(lex, owner)
  owner.options = owner.options or {}
  one_option(lex, owner.options)
  lex:expect(";")
end


local function field_options(lex, field)
  if not lex:accept("[") then
    return
  end
  local options = {}
  repeat
    one_option(lex, options)
  until not lex:accept(",")
  lex:expect("]")
  if options.default ~= nil then
    field.default_value = tostring(options.default)
    options.default = nil
  end
  field.json_name = options.json_name
  field.options = options
end


local function camel(name)
  return (("_" .. name):gsub("_(%a)", string.upper):gsub("_", ""))
end


local function set_type(field, name)
  field.type = SCALARS[name]
  if not field.type then
    field.type_name = name -- message or enumeration: known when names are resolved
  end
end


local function map_field(lex, message)
  lex:expect("<")
  local key = lex:full_name()
  lex:expect(",")
  local value = lex:full_name()
  lex:expect(">")
  local name = lex:expect("name", "field name")
  lex:expect("=")
  local number = tonumber(lex:expect("number", "field number"))
  local entry = {
    name = camel(name) .. "Entry",
    field = { { name = "key", number = 1, label = "LABEL_OPTIONAL" }, { name = "value", number = 2, label = "LABEL_OPTIONAL" } },
    options = { map_entry = true },
  }
  set_type(entry.field[1], key)
  set_type(entry.field[2], value)
  push(message, "nested_type", entry)
  local field = { name = name, number = number, label = "LABEL_REPEATED", type = "TYPE_MESSAGE", type_name = entry.name }
  field_options(lex, field)
  lex:expect(";")
  push(message, "field", field)
end


local function plain_field(lex, message, label, type_name, oneof_index)
  local field = { name = lex:expect("name", "field name"), label = label }
  set_type(field, type_name)
  lex:expect("=")
  field.number = tonumber(lex:expect("number", "field number"))
  field.oneof_index = oneof_index
  field_options(lex, field)
  lex:expect(";")
  push(message, "field", field)
  return field
end


local function oneof(lex, message)
  local index = #push(message, "oneof_decl", { name = lex:expect("name", "name") }) - 1
  lex:expect("{")
  while not lex:accept("}") do
    if lex:accept("name", "option") then
      option(lex, {})
    elseif not lex:accept(";") then
      plain_field(lex, message, "LABEL_OPTIONAL", lex:full_name(), index)
    end
  end
end


local function skip_statement(lex)
  while not lex:accept(";") do
    if lex.kind == "end" then
      lex:fail("';' expected near '<eof>'")
    end
    lex:advance()
  end
end


local function enum(lex)
  local t = { name = lex:expect("name", "name"), value = {} }
  lex:expect("{")
  while not lex:accept("}") do
    if lex:accept("name", "option") then
      option(lex, t)
    elseif lex:accept("name", "reserved") then
      skip_statement(lex)
    elseif not lex:accept(";") then
      local value = { name = lex:expect("name", "name") }
      lex:expect("=")
      value.number = constant(lex)
      field_options(lex, value)
      lex:expect(";")
      t.value[#t.value + 1] = value
    end
  end
  return t
end


local message

local function skip_block(lex)
  lex:full_name()
  lex:expect("{")
  local depth = 1
  while depth > 0 do
    if lex.kind == "end" then
      lex:fail("'}' expected near '<eof>'")
    elseif lex.kind == "{" then
      depth = depth + 1
    elseif lex.kind == "}" then
      depth = depth - 1
    end
    lex:advance()
  end
end


local function field(lex, t, syntax)
  local label = lex:accept("name", "repeated") and "LABEL_REPEATED" or lex:accept("name", "required") and "LABEL_REQUIRED"
  local is_optional = not label and lex:accept("name", "optional")
  local type_name = lex:full_name()
  if type_name == "map" and lex.kind == "<" then
    return map_field(lex, t)
  end
  local made = plain_field(lex, t, label or "LABEL_OPTIONAL", type_name)
  if is_optional and syntax == "proto3" then
    made.proto3_optional = true
    made.oneof_index = #push(t, "oneof_decl", { name = "_" .. made.name }) - 1
  end
end


function message(lex, syntax)
  local t = { name = lex:expect("name", "name") }
  lex:expect("{")
  while not lex:accept("}") do
    if lex:accept("name", "message") then
      push(t, "nested_type", message(lex, syntax))
    elseif lex:accept("name", "enum") then
      push(t, "enum_type", enum(lex))
    elseif lex:accept("name", "oneof") then
      oneof(lex, t)
    elseif lex:accept("name", "option") then
      option(lex, t)
    elseif lex:accept("name", "reserved") or lex:accept("name", "extensions") then
      skip_statement(lex)
    elseif lex:accept("name", "extend") then
      skip_block(lex)
    elseif not lex:accept(";") then
      field(lex, t, syntax)
    end
  end
  return t
end


local function method_type(lex)
  lex:expect("(")
  local is_stream = lex:accept("name", "stream") ~= nil
  local name = lex:full_name()
  lex:expect(")")
  return name, is_stream
end


local function method(lex)
  local t = { name = lex:expect("name", "name") }
  t.input_type, t.client_streaming = method_type(lex)
  lex:expect_word("returns")
  t.output_type, t.server_streaming = method_type(lex)
  if lex:accept("{") then
    while not lex:accept("}") do
      if lex:accept("name", "option") then
        option(lex, t)
      else
        lex:expect(";")
      end
    end
    lex:accept(";")
  else
    lex:expect(";")
  end
  return t
end


local function service(lex)
  local t = { name = lex:expect("name", "name"), method = {} }
  lex:expect("{")
  while not lex:accept("}") do
    if lex:accept("name", "option") then
      option(lex, t)
    elseif lex:accept("name", "rpc") then
      t.method[#t.method + 1] = method(lex)
    else
      lex:expect(";")
    end
  end
  return t
end


local STATEMENTS = {
  syntax = function(lex, file)
    lex:expect("=")
    file.syntax = lex:expect("string", "string")
    lex:expect(";")
  end,
  package = function(lex, file)
    file.package = lex:full_name()
    lex:expect(";")
  end,
  import = function(lex, file)
    if not lex:accept("name", "public") then
      lex:accept("name", "weak")
    end
    push(file, "dependency", lex:expect("string", "string"))
    lex:expect(";")
  end,
  option = option,
  message = function(lex, file)
    push(file, "message_type", message(lex, file.syntax))
  end,
  enum = function(lex, file)
    push(file, "enum_type", enum(lex))
  end,
  service = function(lex, file)
    push(file, "service", service(lex))
  end,
  extend = skip_block,
}


-- A FileDescriptorProto as a table; raises "name:line: message".
function Parser.parse(text, name)
  local lex = Lexer.new(text, name)
  local file = { name = name, syntax = "proto2" }
  while lex.kind ~= "end" do
    if not lex:accept(";") then
      local word = lex:expect("name", "statement")
      local statement = STATEMENTS[word]
      if not statement then
        lex:fail("unknown statement '" .. word .. "'")
      end
      statement(lex, file)
    end
  end
  return file
end


return Parser
