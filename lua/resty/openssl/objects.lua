-- Object identifiers: between numbers (NID), texts and ASN1_OBJECTs.
local ffi = require "ffi"
local C = require("resty.openssl.lib").C

local objects = {}

local buf = ffi.new("char[128]")


-- {id =, nid =, sn =, ln =}
function objects.obj2table(object)
  local nid = C.OBJ_obj2nid(object)
  local len = C.OBJ_obj2txt(buf, 128, object, 1)
  return {
    id = ffi.string(buf, math.min(len, 127)),
    nid = nid,
    sn = ffi.string(C.OBJ_nid2sn(nid)),
    ln = ffi.string(C.OBJ_nid2ln(nid)),
  }
end


function objects.nid2table(nid)
  local object = C.OBJ_nid2obj(nid)
  if object == nil then
    return nil, "objects.nid2table: unknown NID " .. tostring(nid)
  end
  return objects.obj2table(object)
end


function objects.txt2nid(text)
  if type(text) ~= "string" then
    return nil, "objects.txt2nid: expect a string at #1"
  end
  local nid = C.OBJ_txt2nid(text)
  if nid == 0 then
    return nil, ("objects.txt2nid: invalid NID text %s"):format(text)
  end
  return nid
end


function objects.txtnid2nid(value)
  if type(value) == "number" then
    return value
  end
  return objects.txt2nid(value)
end


local dig, key = ffi.new("int[1]"), ffi.new("int[1]")


-- The digest and the key type that a signature algorithm is made of.
function objects.find_sigid_algs(nid)
  if C.OBJ_find_sigid_algs(nid, dig, key) ~= 1 then
    return nil, nil, "objects.find_sigid_algs: unknown signature algorithm"
  end
  return dig[0], key[0]
end


function objects.create(oid, sn, ln)
  local nid = C.OBJ_create(oid, sn, ln)
  if nid == 0 then
    return nil, "objects.create: cannot create " .. tostring(oid)
  end
  return nid
end


return objects
