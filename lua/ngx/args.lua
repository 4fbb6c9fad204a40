-- Query arguments: decoding into a table, encoding from one.
local ffi = require "ffi"
local base = require "ngx.base"
local encode = require "ngx.encode"

local C = base.C
local buf = base.buf
local escape = encode.escape_uri
local concat = table.concat
local error = error
local ffi_string = ffi.string
local pairs = pairs
local tostring = tostring
local type = type

local MANY = 256
local list = ffi.new("kgw_ffi_arg_t[?]", MANY)
local truncated = ffi.new("int[1]")

local Args = {}


-- Adds the arguments of `s` to `result` (at most `max`, 0 for all); "truncated" as the second value when there were more.
-- A name without "=" has the value true; repeated names make a list; empty names are dropped.
function Args.decode(s, max, result)
  local args, room = list, MANY
  if max > MANY or max == 0 then
    room = max == 0 and #s / 2 + 1 or max
    if room > MANY then
      args = ffi.new("kgw_ffi_arg_t[?]", room)
    else
      room = MANY
    end
  else
    room = max
  end
  local n = C.kgw_ffi_args_decode(s, #s, buf(#s), args, room, truncated)
  for i = 0, n - 1 do
    local arg = args[i]
    local key = ffi_string(arg.key, arg.key_len)
    local value = true
    if arg.value_len >= 0 then
      value = ffi_string(arg.value, arg.value_len)
    end
    local before = result[key]
    if before == nil then
      result[key] = value
    elseif type(before) == "table" then
      before[#before + 1] = value
    else
      result[key] = { before, value }
    end
  end
  return result, truncated[0] ~= 0 and "truncated" or nil
end


local function add(parts, n, key, value)
  local kind = type(value)
  if kind == "string" then
    parts[n + 1], parts[n + 2], parts[n + 3] = key, "=", escape(value)
  elseif kind == "number" then
    parts[n + 1], parts[n + 2], parts[n + 3] = key, "=", tostring(value)
  elseif value == true then
    parts[n + 1] = key
    parts[n + 2] = "&"
    return n + 2
  elseif value == false then
    return n
  else
    error("attempt to use " .. kind .. " as query arg value", 4)
  end
  parts[n + 4] = "&"
  return n + 4
end


function Args.encode(args)
  local parts, n = {}, 0
  for key, value in pairs(args) do
    if type(key) ~= "string" then
      error('attempt to use a non-string key in the "args" option table', 3)
    end
    key = escape(key)
    if type(value) == "table" then
      for i = 1, #value do
        n = add(parts, n, key, value[i])
      end
    else
      n = add(parts, n, key, value)
    end
  end
  return concat(parts, "", 1, n > 0 and n - 1 or 0)
end


-- ngx.encode_args and ngx.decode_args.
function Args.encode_args(...)
  local n = select("#", ...)
  if n ~= 1 then
    error("expecting 1 argument but seen " .. n, 2)
  end
  local args = ...
  if type(args) ~= "table" then
    base.bad_arg(1, "table expected, got " .. type(args), 1)
  end
  return Args.encode(args)
end


-- The number of arguments, headers and so on that the "max" argument of the getters stands for when it is left out.
Args.max_uri_args = 100
Args.max_post_args = 100


function Args.decode_args(s, max)
  if type(s) == "number" then
    s = tostring(s)
  elseif type(s) ~= "string" then
    error("bad argument #1 to 'decode_args' (string expected, got " .. type(s) .. ")", 2)
  end
  return Args.decode(s, max or Args.max_uri_args, {})
end


return Args
