-- Bytes in hexadecimal, and numbers at the start of texts.
local byte = string.byte
local concat = table.concat
local fmt = string.format

local str = {}

-- The two digits of every byte.
local digits = {}
for i = 0, 255 do
  digits[i] = fmt("%02x", i)
end


function str.to_hex(bytes)
  local out = {}
  for i = 1, #bytes do
    out[i] = digits[byte(bytes, i)]
  end
  return concat(out)
end


-- As atoi(3): 0 when the text does not start with a number.
function str.atoi(text)
  return tonumber(text:match("^%s*([+-]?%d+)")) or 0
end


return str
