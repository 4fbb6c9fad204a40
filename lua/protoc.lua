-- require "protoc": .proto files for pb, with the interface of lua-protobuf's compiler: new(), addpath, parse, parsefile, load,
-- loadfile. Imports are looked for along the paths; what Google's own common files define is known without them.
local parser = require "pb.proto_parser"
local registry = require "pb.registry"
local common = require "pb.common_protos"

local ipairs = ipairs
local io_open = io.open
local match = string.match
local pairs = pairs
local pcall = pcall
local type = type

local Protoc = {}
Protoc.__index = Protoc


-- One compiler; its paths and parsed files are its own.
function Protoc.new()
  return setmetatable({ paths = { "" }, loaded = {}, include_imports = false }, Protoc)
end


function Protoc:addpath(path)
  self.paths[#self.paths + 1] = path
end


function Protoc:reset()
  self.loaded = {}
end


-- Full names of the types in a list of messages and enumerations.
local function collect(set, prefix, messages, enums)
  for _, m in ipairs(messages or {}) do
    local name = prefix .. "." .. m.name
    set[name] = "TYPE_MESSAGE"
    collect(set, name, m.nested_type, m.enum_type)
  end
  for _, e in ipairs(enums or {}) do
    set[prefix .. "." .. e.name] = "TYPE_ENUM"
  end
end


local function kind_of(set, name)
  local known = registry.types[name]
  return set[name] or known and (known.kind == "enum" and "TYPE_ENUM" or "TYPE_MESSAGE")
end


-- The full name and kind that `name` stands for inside `scope`: the innermost one that exists.
local function resolve(set, scope, name)
  if name:sub(1, 1) == "." then
    return name, kind_of(set, name)
  end
  while true do
    local full = scope .. "." .. name
    local kind = kind_of(set, full)
    if kind then
      return full, kind
    end
    if scope == "" then
      return nil
    end
    scope = match(scope, "^(.*)%.[^%.]*$")
  end
end


local function unknown(self, name, file)
  local handler = self.unknown_type
  if type(handler) == "function" then
    local full, kind = handler(self, name)
    if full then
      return full, kind and "TYPE_" .. kind:upper() or "TYPE_MESSAGE"
    end
  elseif handler then
    return "." .. name, "TYPE_MESSAGE"
  end
  error(("%s: type not found '%s'"):format(file.name, name), 0)
end


local function resolve_messages(self, set, scope, messages, file)
  for _, m in ipairs(messages or {}) do
    local inner = scope .. "." .. m.name
    for _, field in ipairs(m.field or {}) do
      if field.type_name then
        local full, kind = resolve(set, inner, field.type_name)
        if not full or not kind then
          full, kind = unknown(self, field.type_name, file)
        end
        field.type_name, field.type = full, kind
      end
    end
    resolve_messages(self, set, inner, m.nested_type, file)
  end
end


local function resolve_file(self, file)
  local scope = file.package and "." .. file.package or ""
  local set = {}
  collect(set, scope, file.message_type, file.enum_type)
  for _, dependency in ipairs(file.dependency or {}) do
    local imported = self.loaded[dependency]
    if type(imported) == "table" then
      collect(set, imported.package and "." .. imported.package or "", imported.message_type, imported.enum_type)
    end
  end
  resolve_messages(self, set, scope, file.message_type, file)
  for _, service in ipairs(file.service or {}) do
    for _, method in ipairs(service.method) do
      method.input_type = resolve(set, scope, method.input_type) or method.input_type
      method.output_type = resolve(set, scope, method.output_type) or method.output_type
    end
  end
end


local function read(path)
  local file = io_open(path, "rb")
  if not file then
    return nil
  end
  local text = file:read("*a")
  file:close()
  return text
end


-- The text of an import, or nil.
local function find(self, name)
  for _, path in ipairs(self.paths) do
    local text = read(path == "" and name or path:gsub("/?$", "/") .. name)
    if text then
      return text
    end
  end
  return common[name]
end


local function import(self, name)
  if self.loaded[name] then
    return
  end
  local text = find(self, name)
  if text then
    local file = self:parse(text, name)
    registry.add_file(file)
    return
  end
  local handler = self.unknown_import
  if type(handler) == "function" then
    self.loaded[name] = handler(self, name) or true
  elseif handler then
    self.loaded[name] = true
  else
    error("module load error: " .. name, 0)
  end
end


-- The file's descriptor as a table. Raises on errors.
function Protoc:parse(text, name)
  local file = parser.parse(text, name or "<input>")
  self.loaded[file.name] = file
  for _, dependency in ipairs(file.dependency or {}) do
    import(self, dependency)
  end
  resolve_file(self, file)
  return file
end


function Protoc:parsefile(name)
  local text = find(self, name)
  if not text then
    error("module load error: " .. name, 0)
  end
  return self:parse(text, name)
end


-- Makes the types of a text known to pb. true, or nil, err.
function Protoc:load(text, name)
  if getmetatable(self) ~= Protoc then
    self = Protoc.new()
  end
  local ok, file = pcall(self.parse, self, text, name)
  if not ok then
    return nil, file
  end
  registry.add_file(file)
  return true, #text + 1
end


function Protoc:loadfile(name)
  local ok, file = pcall(self.parsefile, self, name)
  if not ok then
    return nil, file
  end
  registry.add_file(file)
  return true
end


-- Every file that was parsed, by name.
function Protoc:files()
  return pairs(self.loaded)
end


return setmetatable(Protoc, {
  __call = function(_, text, name)
    return Protoc.new():load(text, name)
  end,
})
