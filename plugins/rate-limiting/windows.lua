-- The fixed windows that requests are counted in: where the current one begins and ends, in UTC.
-- Used by the policies of rate-limiting and response-ratelimiting. All times are seconds since the epoch.
local date = os.date
local time = os.time

local windows = {}


windows.PERIODS = { "second", "minute", "hour", "day", "month", "year" }

local LENGTH = { second = 1, minute = 60, hour = 3600, day = 86400 }

-- os.time takes its table as local time; this is how far that is off for a moment given in UTC.
local function utc(year, month)
  local noon = time { year = year, month = month, day = 1, hour = 12 }
  local seen = date("!*t", noon)
  local shift = time { year = seen.year, month = seen.month, day = seen.day, hour = seen.hour, min = seen.min,
                       sec = seen.sec } - noon
  return noon - shift - 43200
end


local function bounds(period, now)
  local length = LENGTH[period]
  if length then
    local start = now - now % length
    return start, start + length
  end
  local today = date("!*t", now)
  if period == "month" then
    return utc(today.year, today.month), utc(today.year, today.month + 1)
  end
  return utc(today.year, 1), utc(today.year + 1, 1)
end


-- The window of each period that was asked for last; most requests meet it again.
local latest = {}
for _, period in ipairs(windows.PERIODS) do
  latest[period] = { period = period, start = 0, ends = 0, suffix = "" }
end


-- {start =, ends =, suffix =}: valid until the next call for the same period. The suffix is the tail of the
-- names of counters in this window.
function windows.at(period, now)
  local window = latest[period]
  if now < window.start or now >= window.ends then
    window.start, window.ends = bounds(period, now)
    window.suffix = (":%.0f:%s"):format(window.start * 1000, period)
  end
  return window
end


return windows
