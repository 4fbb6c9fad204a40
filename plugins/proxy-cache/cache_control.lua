-- Cache-Control and Expires.
local ngx = ngx

local cache_control = {}

local NONE = {}


-- "a, b=1" as {a = true, b = 1}; values that look like numbers are numbers.
function cache_control.parse(value)
  if not value or value == "" then
    return NONE
  end
  if type(value) == "table" then
    value = table.concat(value, ", ")
  end
  local directives = {}
  for part in value:gmatch("[^,]+") do
    local name, rest = part:match("^%s*([^=]+)=?(.*)$")
    if name then
      directives[name:lower()] = tonumber(rest) or (rest ~= "" and rest or true)
    end
  end
  return directives
end


-- Seconds for which an answer may be kept, by its directives or its Expires header.
function cache_control.ttl(directives)
  local seconds = tonumber(directives["s-maxage"]) or tonumber(directives["max-age"])
  if not seconds then
    local expires = ngx.var.sent_http_expires
    local time = expires and ngx.parse_http_time(expires)
    seconds = time and time - ngx.time() or 0
  end
  return math.max(0, seconds)
end


return cache_control
