-- ngx.var: reading and writing by name; ids of names are asked for once.
local base = require "ngx.base"

local C = base.C
local cur = base.cur
local text = base.text
local error = error
local rawget = rawget
local tostring = tostring
local type = type
local lower = string.lower

local value = base.new_str()
local ids = {}
local DYNAMIC = -100
local IDS_MAX = 2000
local id_cnt = 0

-- Names whose refusal to be written OpenResty words in its own way.
local OWN_WORDS = { uri = true, document_uri = true, query_string = true, request_body = true }


local function find_id(name)
  local wanted = lower(name)
  local id = C.kgw_ffi_var_id(wanted, #wanted)
  if id < 0 then
    id = DYNAMIC
  end
  if id_cnt < IDS_MAX then
    id_cnt = id_cnt + 1
    ids[name] = id
  end
  return id
end


local function get(_, name)
  if type(name) ~= "string" then
    if type(name) == "number" then
      return nil
    end
    error("bad variable name", 2)
  end
  if cur.req == nil then
    base.check_request()
  end
  local id = ids[name] or find_id(name)
  local rc
  if id == DYNAMIC then
    local wanted = lower(name)
    rc = C.kgw_ffi_var_dyn(wanted, #wanted, value)
  else
    rc = C.kgw_ffi_var_get(id, value)
  end
  if rc ~= 0 then
    return nil
  end
  return text(value)
end


local function set(_, name, v)
  if type(name) ~= "string" then
    error("bad variable name", 2)
  end
  if cur.req == nil then
    base.check_request()
  end
  local id = ids[name] or find_id(name)
  if id == DYNAMIC then
    error('variable "' .. name .. '" not found for writing; maybe it is a built-in variable that is not changeable or you forgot '
          .. 'to use "set $' .. name .. " '';\" in the config file to define it first", 2)
  end
  local clear = 0
  if v == nil then
    v, clear = "", 1
  elseif type(v) ~= "string" then
    v = tostring(v)
  end
  if C.kgw_ffi_var_set(id, v, #v, clear) ~= 0 then
    name = lower(name)
    error(OWN_WORDS[name] and 'variable "' .. name .. '" not changeable' or "variable not changeable", 2)
  end
end


local Var = {
  get = get,
  set = set,
  table = setmetatable({}, { __index = get, __newindex = set }),
}


-- As ngx.var[name] for code of the gateway that holds a variable's name for good.
function Var.read(name)
  return rawget(Var, "get")(nil, name)
end


return Var
