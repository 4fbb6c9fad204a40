-- require "pgmoon.util": small things that pgmoon's users reach for.
local Util = { encode_base64 = ngx.encode_base64, decode_base64 = ngx.decode_base64 }


local function collect(value, out)
  if type(value) == "table" then
    for i = 1, #value do
      collect(value[i], out)
    end
  elseif type(value) == "string" then
    out[#out + 1] = value
  end
  return out
end


--- The strings of nested lists as one string.
function Util.flatten(value)
  return table.concat(collect(value, {}))
end


return Util
