-- require "luatz": times and calendar tables in UTC, by the interface of the library of that name. Time zones are not known.
local timestamp = require "kong.tools.timestamp"

local luatz = { timetable = {} }


-- Seconds since the epoch.
function luatz.time()
  return ngx.now()
end


function luatz.timetable.new_from_timestamp(seconds)
  if type(seconds) ~= "number" then
    error("bad argument #1 to 'new_from_timestamp' (number expected, got " .. type(seconds) .. ")", 2)
  end
  -- Read as seconds however large: milliseconds are kong.tools.timestamp's own idea.
  return timestamp.get_timetable(seconds)
end


-- Fields may lie outside of their ranges; :normalise() brings them in.
function luatz.timetable.new(year, month, day, hour, min, sec)
  return setmetatable({ year = year, month = month, day = day, hour = hour or 12, min = min or 0, sec = sec or 0 },
                      timestamp.timetable)
end


function luatz.now()
  return luatz.timetable.new_from_timestamp(luatz.time())
end


function luatz.gmtime(seconds)
  return luatz.timetable.new_from_timestamp(seconds or luatz.time())
end


return luatz
