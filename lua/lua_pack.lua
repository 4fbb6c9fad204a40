-- require "lua_pack": binary structures by format letters, as the lpack library has them:
-- < little endian, > big endian, = native; b byte, c signed char, h/H 16 bits, i/I 32 bits, l/L 64 bits, f float, d and n double,
-- z text up to a zero byte, p/P/a text behind its length in 8, 16 or 32 bits, A text (a count follows for its length in unpack).
local ffi = require "ffi"

local char = string.char
local concat = table.concat
local ffi_string = ffi.string
local reverse = string.reverse
local tonumber = tonumber

local Pack = { _VERSION = "2.0.0" }

local BOXES = {
  b = ffi.new("uint8_t[1]"), c = ffi.new("int8_t[1]"), h = ffi.new("int16_t[1]"), H = ffi.new("uint16_t[1]"), i = ffi.new("int32_t[1]"),
  I = ffi.new("uint32_t[1]"), l = ffi.new("int64_t[1]"), L = ffi.new("uint64_t[1]"), f = ffi.new("float[1]"), d = ffi.new("double[1]"),
  n = ffi.new("double[1]"),
}
local LENGTHS = { p = "b", P = "H", a = "I" }
local IS_BIG = ffi.abi("be")


local function ordered(bytes, is_big)
  if is_big ~= IS_BIG then
    return reverse(bytes)
  end
  return bytes
end


local function put(letter, value, is_big)
  local box = BOXES[letter]
  box[0] = value
  return ordered(ffi_string(box, ffi.sizeof(box)), is_big)
end


local function get(letter, text, at, is_big)
  local box = BOXES[letter]
  local size = tonumber(ffi.sizeof(box))
  if at + size - 1 > #text then
    return nil, at
  end
  ffi.copy(box, ordered(text:sub(at, at + size - 1), is_big), size)
  return tonumber(box[0]), at + size
end


-- Letter and count, one after the other.
local function each(format)
  return format:gmatch("([<>=%a])(%d*)")
end


function Pack.pack(format, ...)
  local parts, arg, is_big = {}, 0, IS_BIG
  for letter, count in each(format) do
    if letter == "<" then
      is_big = false
    elseif letter == ">" then
      is_big = true
    elseif letter == "=" then
      is_big = IS_BIG
    else
      for _ = 1, tonumber(count) or 1 do
        arg = arg + 1
        local value = (select(arg, ...))
        if letter == "A" then
          parts[#parts + 1] = value
        elseif letter == "z" then
          parts[#parts + 1] = value .. char(0)
        elseif LENGTHS[letter] then
          parts[#parts + 1] = put(LENGTHS[letter], #value, is_big) .. value
        elseif BOXES[letter] then
          parts[#parts + 1] = put(letter, value, is_big)
        else
          error("bad code '" .. letter .. "'", 2)
        end
      end
    end
  end
  return concat(parts)
end


local function take_text(letter, count, text, at, is_big)
  if letter == "A" then
    local size = tonumber(count) or 1
    if at + size - 1 > #text then
      return nil, at
    end
    return text:sub(at, at + size - 1), at + size
  elseif letter == "z" then
    local stop = text:find("\0", at, true)
    if not stop then
      return nil, at
    end
    return text:sub(at, stop - 1), stop + 1
  end
  local size, next_at = get(LENGTHS[letter], text, at, is_big)
  if not size or next_at + size - 1 > #text then
    return nil, at
  end
  return text:sub(next_at, next_at + size - 1), next_at + size
end


-- The position behind what was read, and the values; fewer values when the text is too short.
function Pack.unpack(text, format, init)
  local values, n, at, is_big = {}, 0, init or 1, IS_BIG
  for letter, count in each(format) do
    if letter == "<" then
      is_big = false
    elseif letter == ">" then
      is_big = true
    elseif letter == "=" then
      is_big = IS_BIG
    else
      local times = letter == "A" and 1 or tonumber(count) or 1
      for _ = 1, times do
        local value, next_at
        if letter == "A" or letter == "z" or LENGTHS[letter] then
          value, next_at = take_text(letter, count, text, at, is_big)
        elseif BOXES[letter] then
          value, next_at = get(letter, text, at, is_big)
        else
          error("bad code '" .. letter .. "'", 2)
        end
        if value == nil then
          return at, unpack(values, 1, n)
        end
        n = n + 1
        values[n], at = value, next_at
      end
    end
  end
  return at, unpack(values, 1, n)
end


return Pack
