-- Distinguished names.
local ffi = require "ffi"
require "resty.openssl.x509.lib"
local asn1 = require "resty.openssl.asn1"
local lib = require "resty.openssl.lib"
local objects = require "resty.openssl.objects"
local format_error = require("resty.openssl.err").format_error

local C = lib.C

local MBSTRING_UTF8 = 0x1000

local name = {}


local function entry_table(entry)
  local object = objects.obj2table(C.X509_NAME_ENTRY_get_object(entry))
  object.blob = asn1.bytes(C.X509_NAME_ENTRY_get_data(entry))
  return object
end


function name.new()
  local ctx = C.X509_NAME_new()
  if ctx == nil then
    return nil, "x509.name.new: X509_NAME_new() failed"
  end
  return setmetatable({ ctx = ffi.gc(ctx, C.X509_NAME_free) }, name)
end


function name.dup(ptr)
  local ctx = C.X509_NAME_dup(ptr)
  if ctx == nil then
    return nil, format_error("x509.name.dup")
  end
  return setmetatable({ ctx = ffi.gc(ctx, C.X509_NAME_free) }, name)
end


function name.istype(object)
  return lib.istype(object, name)
end


local function object_of(text)
  local object = C.OBJ_txt2obj(text, 0)
  if object == nil then
    C.ERR_clear_error()
    return nil
  end
  return ffi.gc(object, C.ASN1_OBJECT_free)
end


-- Returns the name itself, so that calls can be chained.
function name:add(field, text)
  local object = object_of(field)
  if not object then
    return nil, "x509.name:add: invalid NID text " .. tostring(field)
  end
  local code = C.X509_NAME_add_entry_by_OBJ(self.ctx, object, MBSTRING_UTF8, text, #text, -1, 0)
  if code ~= 1 then
    return nil, format_error("x509.name:add", code)
  end
  return self
end


-- The first entry of a kind after position `last`: {id, nid, sn, ln, blob}, position.
function name:find(field, last)
  local object = object_of(field)
  if not object then
    return nil, nil, "x509.name:find: invalid NID text " .. tostring(field)
  end
  local at = C.X509_NAME_get_index_by_OBJ(self.ctx, object, (last or 0) - 1)
  if at < 0 then
    return nil, nil
  end
  return entry_table(C.X509_NAME_get_entry(self.ctx, at)), at + 1
end


function name:count()
  return C.X509_NAME_entry_count(self.ctx)
end


-- kind, entry
function name:index(i)
  if type(i) ~= "number" or i < 1 or i > self:count() then
    return nil
  end
  local entry = entry_table(C.X509_NAME_get_entry(self.ctx, i - 1))
  return entry.sn, entry
end


function name:each()
  local i = 0
  return function()
    i = i + 1
    return self:index(i)
  end
end


function name:all()
  local list = {}
  for i = 1, self:count() do
    local kind, entry = self:index(i)
    list[i] = { kind, entry }
  end
  return list
end


function name:tostring()
  local parts = {}
  for kind, entry in self:each() do
    parts[#parts + 1] = kind .. "=" .. entry.blob
  end
  return table.concat(parts, "/")
end


name.__tostring = name.tostring
name.__len = name.count
name.__pairs = name.each


function name.__index(self, key)
  if type(key) == "number" then
    local kind, entry = name.index(self, key)
    return kind and { kind, entry }
  end
  return name[key]
end


return name
