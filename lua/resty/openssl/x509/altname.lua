-- Alternative names of certificates: a stack of general names.
local ffi = require "ffi"
local x509_lib = require "resty.openssl.x509.lib"
local asn1 = require "resty.openssl.asn1"
local lib = require "resty.openssl.lib"
local name = require "resty.openssl.x509.name"

local C = lib.C

local altname = {}

local EMAIL, DNS, DIRNAME, URI, IP = 1, 2, 4, 6, 7
local IA5STRING = 22

local KINDS = { rfc822name = EMAIL, rfc822 = EMAIL, email = EMAIL, uniformresourceidentifier = URI, uri = URI,
                dnsname = DNS, dns = DNS, ip = IP, ipaddress = IP }
local LABELS = { [EMAIL] = "email", [DNS] = "DNS", [DIRNAME] = "DirName", [URI] = "URI", [IP] = "IP" }


local function ip_text(bytes)
  if #bytes == 4 then
    return ("%d.%d.%d.%d"):format(bytes:byte(1, 4))
  end
  local parts = {}
  for i = 1, #bytes, 2 do
    parts[#parts + 1] = ("%X"):format(bytes:byte(i) * 256 + bytes:byte(i + 1))
  end
  return table.concat(parts, ":")
end


local function item(ptr)
  local general = ffi.cast("struct general_name_st *", ptr)
  local kind = general.type
  local label = LABELS[kind]
  if kind == DIRNAME then
    return { label, name.dup(general.d.name):tostring() }
  elseif kind == IP then
    return { label, ip_text(asn1.bytes(general.d.str)) }
  elseif label then
    return { label, asn1.bytes(general.d.str) }
  end
  return { "TYPE:" .. kind, "<unsupported>" }
end


function altname.new()
  local ctx = C.OPENSSL_sk_new_null()
  if ctx == nil then
    return nil, "x509.altname.new: OPENSSL_sk_new_null() failed"
  end
  return setmetatable({ ctx = ffi.gc(ctx, C.GENERAL_NAMES_free) }, altname)
end


-- Takes over a stack that the caller owns.
function altname.own(ptr)
  return setmetatable({ ctx = ffi.gc(ptr, C.GENERAL_NAMES_free) }, altname)
end


-- A copy of the stack; its elements stay those of the original.
function altname.dup(ptr)
  local ctx = C.OPENSSL_sk_dup(ptr)
  if ctx == nil then
    return nil, "x509.altname.dup: OPENSSL_sk_dup() failed"
  end
  return setmetatable({ ctx = ffi.gc(ctx, C.OPENSSL_sk_free) }, altname)
end


function altname.istype(object)
  return lib.istype(object, altname)
end


x509_lib.define_stack(altname, function(self)
  return self.ctx
end, item)


-- Returns the object itself, so that calls can be chained.
function altname:add(kind, value)
  local code = KINDS[tostring(kind):lower()]
  if not code then
    return nil, "x509.altname:add: unknown type " .. tostring(kind)
  end
  if type(value) ~= "string" then
    return nil, "x509.altname:add: except a string at #2"
  end
  local str
  if code == IP then
    str = C.a2i_IPADDRESS(value)
    if str == nil then
      C.ERR_clear_error()
      return nil, "x509.altname:add: invalid IP address " .. value
    end
  else
    str = C.ASN1_STRING_type_new(IA5STRING)
    C.ASN1_STRING_set(str, value, #value)
  end
  local general = C.GENERAL_NAME_new()
  general.type = code
  general.d.str = str
  if C.OPENSSL_sk_push(self.ctx, general) <= 0 then
    C.GENERAL_NAME_free(general)
    return nil, "x509.altname:add: OPENSSL_sk_push() failed"
  end
  return self
end


function altname:tostring()
  local parts = {}
  for entry in self:each() do
    parts[#parts + 1] = entry[1] .. "=" .. entry[2]
  end
  return table.concat(parts, "/")
end


altname.__tostring = altname.tostring


return altname
