-- ngx.shared: shared dictionaries. A dictionary is a table whose [1] is the zone, with one metatable for all.
local ffi = require "ffi"
local base = require "ngx.base"

local C = base.C
local text = base.text
local error = error
local ffi_string = ffi.string
local rawget = rawget
local rawset = rawset
local setmetatable = setmetatable
local tonumber = tonumber
local tostring = tostring
local type = type

local OK, DECLINED, ENOMEM = base.OK, base.DECLINED, base.ENOMEM
local ADD, REPLACE, SAFE = 1, 2, 4
local BOOLEAN, NUMBER, STRING, LIST = 1, 3, 4, 5
local KEY_MAX = 65535

local kind_out = ffi.new("int[1]")
local num_out = ffi.new("double[1]")
local flags_out = ffi.new("uint32_t[1]")
local flag_out = ffi.new("int[1]")
local cnt_out = ffi.new("uint32_t[1]")
local str_out = base.new_str()

local Dict = {}
local METATABLE = { __index = Dict }


local function zone_of(dict)
  if type(dict) ~= "table" then
    error('bad "zone" argument', 3)
  end
  local zone = rawget(dict, 1)
  if type(zone) ~= "cdata" then
    error('bad "zone" argument', 3)
  end
  return zone
end


-- The key as a string; nil and a message when it cannot be one.
local function key_of(key)
  if type(key) ~= "string" then
    if key == nil then
      return nil, "nil key"
    end
    key = tostring(key)
  end
  local len = #key
  if len == 0 then
    return nil, "empty key"
  elseif len > KEY_MAX then
    return nil, "key too long"
  end
  return key
end


local function value_out()
  local kind = kind_out[0]
  if kind == STRING then
    if str_out.len == 0 then
      return ""
    end
    return ffi_string(str_out.ptr, str_out.len)
  elseif kind == NUMBER then
    return num_out[0]
  elseif kind == BOOLEAN then
    return num_out[0] ~= 0
  end
  return nil
end


local function get(zone, key, stale)
  local rc = C.kgw_ffi_dict_get(zone, key, #key, stale, kind_out, str_out, num_out, flags_out, flag_out)
  if rc ~= OK then
    if rc == DECLINED then
      return nil
    end
    return nil, "value is a list"
  end
  if kind_out[0] == LIST then
    return nil, "value is a list"
  end
  local flags = tonumber(flags_out[0])
  if flags ~= 0 then
    return value_out(), flags
  end
  return value_out()
end


function Dict.get(dict, key)
  local zone = zone_of(dict)
  local err
  key, err = key_of(key)
  if not key then
    return nil, err
  end
  return get(zone, key, 0)
end


function Dict.get_stale(dict, key)
  local zone = zone_of(dict)
  local err
  key, err = key_of(key)
  if not key then
    return nil, err
  end
  local value, extra = get(zone, key, 1)
  if value == nil then
    if extra then
      return nil, extra
    end
    return nil
  end
  return value, extra, flag_out[0] ~= 0
end


local function store(dict, how, key, value, ttl, flags)
  local zone = zone_of(dict)
  if not ttl then
    ttl = 0
  elseif type(ttl) ~= "number" or ttl < 0 then
    error('bad "exptime" argument', 3)
  end
  local err
  key, err = key_of(key)
  if not key then
    return nil, err
  end
  local kind, str, len, num = STRING, nil, 0, 0
  local value_kind = type(value)
  if value_kind == "string" then
    str, len = value, #value
  elseif value_kind == "number" then
    kind, num = NUMBER, value
  elseif value_kind == "boolean" then
    kind, num = BOOLEAN, value and 1 or 0
  elseif value == nil then
    if how == ADD or how == REPLACE or how == ADD + SAFE then
      return nil, "attempt to add or replace nil values"
    end
    C.kgw_ffi_dict_delete(zone, key, #key)
    return true, nil, false
  else
    return nil, "bad value type"
  end
  local rc = C.kgw_ffi_dict_set(zone, key, #key, kind, str, len, num, ttl, flags or 0, how, flag_out)
  if rc == OK then
    return true, nil, flag_out[0] ~= 0
  elseif rc == DECLINED then
    return false, how == REPLACE and "not found" or "exists", flag_out[0] ~= 0
  elseif rc == ENOMEM then
    return false, "no memory", flag_out[0] ~= 0
  end
  return nil, "failed to store"
end


function Dict.set(dict, key, value, ttl, flags)
  return store(dict, 0, key, value, ttl, flags)
end


function Dict.safe_set(dict, key, value, ttl, flags)
  return store(dict, SAFE, key, value, ttl, flags)
end


function Dict.add(dict, key, value, ttl, flags)
  return store(dict, ADD, key, value, ttl, flags)
end


function Dict.safe_add(dict, key, value, ttl, flags)
  return store(dict, ADD + SAFE, key, value, ttl, flags)
end


function Dict.replace(dict, key, value, ttl, flags)
  return store(dict, REPLACE, key, value, ttl, flags)
end


function Dict.delete(dict, key)
  local zone = zone_of(dict)
  local err
  key, err = key_of(key)
  if not key then
    return nil, err
  end
  C.kgw_ffi_dict_delete(zone, key, #key)
  return true, nil, false
end


function Dict.incr(dict, key, by, init, init_ttl)
  local zone = zone_of(dict)
  local err
  key, err = key_of(key)
  if not key then
    return nil, err
  end
  if type(by) ~= "number" then
    by = tonumber(by)
    if not by then
      error('bad "value" argument', 2)
    end
  end
  if init then
    init = tonumber(init)
    if not init then
      error('bad "init" argument: number expected', 2)
    end
  end
  if init_ttl ~= nil then
    local ttl = tonumber(init_ttl)
    if not ttl then
      error('bad "init_ttl" argument: number expected, got ' .. type(init_ttl), 2)
    elseif ttl < 0 then
      error('bad "init_ttl" argument', 2)
    elseif not init then
      error('must provide "init" when providing "init_ttl"', 2)
    end
    init_ttl = ttl
  end
  local rc = C.kgw_ffi_dict_incr(zone, key, #key, by, init and 1 or 0, init or 0, init_ttl or 0, num_out, flag_out)
  if rc ~= OK then
    if rc == DECLINED then
      return nil, "not found"
    elseif rc == ENOMEM then
      return nil, "no memory"
    end
    return nil, "not a number"
  end
  if not init then
    return num_out[0]
  end
  return num_out[0], nil, flag_out[0] ~= 0
end


function Dict.ttl(dict, key)
  local zone = zone_of(dict)
  local err
  key, err = key_of(key)
  if not key then
    return nil, err
  end
  if C.kgw_ffi_dict_ttl(zone, key, #key, num_out) ~= OK then
    return nil, "not found"
  end
  return num_out[0]
end


function Dict.expire(dict, key, ttl)
  local zone = zone_of(dict)
  if type(ttl) ~= "number" or ttl < 0 then
    error('bad "exptime" argument', 2)
  end
  local err
  key, err = key_of(key)
  if not key then
    return nil, err
  end
  if C.kgw_ffi_dict_expire(zone, key, #key, ttl) ~= OK then
    return nil, "not found"
  end
  return true
end


local function push(dict, key, value, left)
  local zone = zone_of(dict)
  local err
  key, err = key_of(key)
  if not key then
    return nil, err
  end
  local rc
  if type(value) == "string" then
    rc = C.kgw_ffi_dict_push(zone, key, #key, STRING, value, #value, 0, left, cnt_out)
  elseif type(value) == "number" then
    rc = C.kgw_ffi_dict_push(zone, key, #key, NUMBER, nil, 0, value, left, cnt_out)
  else
    return nil, "bad value type"
  end
  if rc ~= OK then
    return nil, rc == ENOMEM and "no memory" or "value not a list"
  end
  return tonumber(cnt_out[0])
end


function Dict.lpush(dict, key, value)
  return push(dict, key, value, 1)
end


function Dict.rpush(dict, key, value)
  return push(dict, key, value, 0)
end


local function pop(dict, key, left)
  local zone = zone_of(dict)
  local err
  key, err = key_of(key)
  if not key then
    return nil, err
  end
  local rc = C.kgw_ffi_dict_pop(zone, key, #key, left, kind_out, str_out, num_out)
  if rc == OK then
    return value_out()
  elseif rc == DECLINED then
    return nil
  end
  return nil, "value not a list"
end


function Dict.lpop(dict, key)
  return pop(dict, key, 1)
end


function Dict.rpop(dict, key)
  return pop(dict, key, 0)
end


function Dict.llen(dict, key)
  local zone = zone_of(dict)
  local err
  key, err = key_of(key)
  if not key then
    return nil, err
  end
  local rc = C.kgw_ffi_dict_llen(zone, key, #key, cnt_out)
  if rc == OK then
    return tonumber(cnt_out[0])
  elseif rc == DECLINED then
    return 0
  end
  return nil, "value not a list"
end


function Dict.flush_all(dict)
  C.kgw_ffi_dict_flush(zone_of(dict))
end


function Dict.flush_expired(dict, max)
  return tonumber(C.kgw_ffi_dict_flush_expired(zone_of(dict), max or 0))
end


function Dict.get_keys(dict, max)
  local zone = zone_of(dict)
  local len = C.kgw_ffi_dict_keys(zone, max or 1024, str_out)
  local keys, n = {}, 0
  local at, p = 0, str_out.ptr
  while at < len do
    local size = ffi.cast("const uint8_t *", p + at)
    size = size[0] + size[1] * 256 + size[2] * 65536
    n = n + 1
    keys[n] = ffi_string(p + at + 4, size)
    at = at + 4 + size
  end
  return keys
end


function Dict.capacity(dict)
  return C.kgw_ffi_dict_capacity(zone_of(dict))
end


function Dict.free_space(dict)
  return C.kgw_ffi_dict_free_space(zone_of(dict))
end


local function wrap(zone)
  return setmetatable({ zone }, METATABLE)
end


-- The table ngx.shared: what the master has made so far; later ones are found by name.
local shared = setmetatable({}, {
  __index = function(t, name)
    if type(name) ~= "string" then
      return nil
    end
    local zone = C.kgw_ffi_dict_find(name)
    if zone == nil then
      return nil
    end
    local dict = wrap(zone)
    rawset(t, name, dict)
    return dict
  end,
})


local function fill()
  local i = 0
  while true do
    local zone = C.kgw_ffi_dict_at(i, str_out)
    if zone == nil then
      return
    end
    shared[text(str_out)] = wrap(zone)
    i = i + 1
  end
end

fill()


-- Makes a dictionary of `size` bytes (in the master, before workers are forked; in a single process at any time).
local function make(name, size)
  local zone = C.kgw_ffi_dict_make(name, size)
  if zone == nil then
    return nil, "no memory"
  end
  local dict = wrap(zone)
  rawset(shared, name, dict)
  return dict
end


return { shared = shared, make = make, methods = Dict, metatable = METATABLE }
