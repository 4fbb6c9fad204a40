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


-- The number that the digits of `text` make; -1 when it has anything else.
function str.atoi(text)
  return tonumber(text:match("^%d+$")) or -1
end


return str
