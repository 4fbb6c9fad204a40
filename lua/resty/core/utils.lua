-- require "resty.core.utils": small text functions.
local gsub = string.gsub
local find = string.find

local Utils = {}


-- "str" with every `from` byte replaced by `to`.
function Utils.str_replace_char(str, from, to)
  if #from ~= 1 or #to ~= 1 then
    error("expected single characters", 2)
  end
  if not find(str, from, 1, true) then
    return str
  end
  return (gsub(str, gsub(from, "%p", "%%%0"), (gsub(to, "%%", "%%%%"))))
end


return Utils
