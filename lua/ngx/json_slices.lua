-- Decodes a large JSON text a piece at a time, so that no request waits for the whole of it. Containers that are larger
-- than a piece are walked over, what is smaller goes to cjson in one go.
local ffi = require "ffi"
local base = require "ngx.base"
local cjson = require "cjson.safe"

local C = base.C
local find = string.find
local fstring = ffi.string
local setmetatable = setmetatable

local OK, DONE = base.OK, -4
local OBJECT, ARRAY = 0x7b, 0x5b
local PIECE = 8192
local DEPTH_MAX = 200

local name_out, value_out = base.new_str(), base.new_str()
local kind_out = ffi.new("int[1]")

local json_slices = {}


local decode


local function key_of(text)
  if find(text, "\\", 1, true) then
    return cjson.decode('"' .. text .. '"')
  end
  return text
end


-- An object or array by its parts. Every cursor is its own: this function calls itself for parts.
local function decode_parts(ptr, len, kind, pause, depth)
  if depth > DEPTH_MAX then
    return nil, "nested too deeply"
  end
  local cursor = ffi.new("kgw_ffi_json_t")
  if C.kgw_ffi_json_open(cursor, ptr, len) ~= OK then
    return nil, "malformed"
  end
  local made, n = {}, 0
  while true do
    local rc = C.kgw_ffi_json_next(cursor, name_out, value_out, kind_out)
    if rc == DONE then
      break
    elseif rc ~= OK then
      return nil, "malformed"
    end
    local name = kind == OBJECT and fstring(name_out.ptr, name_out.len) or nil
    local v, err = decode(value_out.ptr, tonumber(value_out.len), kind_out[0], pause, depth + 1)
    if v == nil then
      return nil, err
    end
    if name then
      name = key_of(name)
      if name == nil then
        return nil, "malformed"
      end
      made[name] = v
    else
      n = n + 1
      made[n] = v
    end
    pause()
  end
  if kind == ARRAY and cjson.array_mt then
    setmetatable(made, cjson.array_mt)
  end
  return made
end


function decode(ptr, len, kind, pause, depth)
  if len > PIECE and (kind == OBJECT or kind == ARRAY) then
    return decode_parts(ptr, len, kind, pause, depth)
  end
  return cjson.decode(fstring(ptr, len))
end


-- text -> value | nil, error. The error is cjson's, for the whole text.
function json_slices.decode(text, pause)
  local first = find(text, "[^ \t\r\n]")
  local kind = first and text:byte(first)
  if #text <= PIECE or kind ~= OBJECT and kind ~= ARRAY then
    return cjson.decode(text)
  end
  local v = decode_parts(ffi.cast("const char *", text), #text, kind, pause, 0)
  if v == nil then
    return cjson.decode(text)
  end
  return v
end


return json_slices
