-- .proto files and gRPC message frames, for plugins that translate gRPC.
local pb = require "pb"
local protoc = require "protoc"

local byte = string.byte
local char = string.char
local floor = math.floor
local fmt = string.format
local match = string.match
local sub = string.sub
local type = type

local grpc = {}
local mt = { __index = grpc }

local PATHS = { "/usr/local/kong/include", "/usr/local/opt/protobuf/include/", "/usr/include", "kong/include" }
local TIMESTAMP = ".google.protobuf.Timestamp"
local PREFIX_LEN = 5


-- { seconds, nanos } as "2024-01-31T10:20:30".
local function decode_time(t)
  if type(t) ~= "table" then
    error(fmt("expected table, got (%s)%q", type(t), tostring(t)))
  end
  return os.date("!%Y-%m-%dT%H:%M:%S", tonumber(t.seconds) or 0)
end


local function encode_time(text)
  if type(text) ~= "string" then
    error(fmt("expected time string, got (%s)%q", type(text), tostring(text)))
  end
  local year, month, day, hour, minute, second = match(text, "^(%d+)-(%d+)-(%d+)[Tt ](%d+):(%d+):([%d.]+)")
  if not year then
    error("not a time: " .. text)
  end
  local whole = floor(tonumber(second))
  local timetable = require("kong.tools.timestamp").get_timetable(0)
  timetable.year, timetable.month, timetable.day = tonumber(year), tonumber(month), tonumber(day)
  timetable.hour, timetable.min, timetable.sec = tonumber(hour), tonumber(minute), whole
  return { seconds = timetable:timestamp(), nanos = floor((tonumber(second) - whole) * 1e9) }
end


local function set_hooks()
  pb.option("enable_hooks")
  pb.option("enable_enchooks")
  if not pcall(pb.hook, TIMESTAMP) then
    return
  end
  if not pb.hook(TIMESTAMP) then
    pb.hook(TIMESTAMP, decode_time)
  end
  if not pb.encode_hook(TIMESTAMP) then
    pb.encode_hook(TIMESTAMP, encode_time)
  end
end


function grpc.new()
  local compiler = protoc.new()
  for i = 1, #PATHS do
    compiler:addpath(PATHS[i])
  end
  compiler.include_imports = true
  return setmetatable({ protoc_instance = compiler }, mt)
end


-- One folder or a list of them where .proto files are looked for.
function grpc:addpath(path)
  if type(path) ~= "table" then
    path = { path }
  end
  for i = 1, #path do
    self.protoc_instance:addpath(path[i])
  end
end


-- The opened file of that name in one of the folders, or nil.
function grpc:get_proto_file(name)
  for _, path in ipairs(self.protoc_instance.paths) do
    local file = io.open(path ~= "" and path .. "/" .. name or name)
    if file then
      return file
    end
  end
  return nil
end


local function visit(compiler, name, fn, is_deep)
  local parsed = compiler:parsefile(name)
  if not fn then
    return parsed
  end
  for _, index in ipairs(is_deep and parsed.dependency and parsed.public_dependency or {}) do
    visit(compiler, parsed.dependency[index + 1], fn, true)
  end
  for _, service in ipairs(parsed.service or {}) do
    for _, method in ipairs(service.method or {}) do
      fn(parsed, service, method)
    end
  end
  return parsed
end


-- Loads a file and calls fn(file, service, method) for each method; with is_deep also for those of public imports.
function grpc:each_method(name, fn, is_deep)
  local compiler = self.protoc_instance
  compiler:addpath(match(name, "^(.*)/[^/]*$") or ".")
  compiler:loadfile(name)
  set_hooks()
  return visit(compiler, name, fn, is_deep)
end


-- kind: 0 for a message, 1 for a compressed one, 0x80 for trailers.
function grpc.frame(kind, message)
  local n = #message
  return char(kind, floor(n / 16777216) % 256, floor(n / 65536) % 256, floor(n / 256) % 256, n % 256) .. message
end


-- message, rest | nil, body when it is not complete.
function grpc.unframe(body)
  if not body or #body < PREFIX_LEN then
    return nil, body
  end
  local _, a, b, c, d = byte(body, 1, PREFIX_LEN)
  local last = PREFIX_LEN + ((a * 256 + b) * 256 + c) * 256 + d
  if last > #body then
    return nil, body
  end
  return sub(body, PREFIX_LEN + 1, last), sub(body, last + 1)
end


return grpc
