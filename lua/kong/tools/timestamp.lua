-- Time in UTC milliseconds and its calendar periods, as counters of rate limiting keep them.
local floor = math.floor
local match = string.match
local now = ngx.now
local tonumber = tonumber

local timestamp = {}

local DAY_S, HOUR_S, MINUTE_S = 86400, 3600, 60
-- Numbers above this are milliseconds (the year 20000 in seconds).
local SECONDS_MAX = 568971820800


-- Milliseconds at whole seconds.
function timestamp.get_utc()
  return floor(now()) * 1000
end


function timestamp.get_utc_ms()
  return now() * 1000
end


-- Days since the epoch of a civil date; the year begins in March so that the leap day comes last.
local function days_of(year, month, day)
  if month <= 2 then
    year, month = year - 1, month + 12
  end
  local era = floor(year / 400)
  local of_era = year - era * 400
  local of_year = floor((153 * (month - 3) + 2) / 5) + day - 1
  return era * 146097 + of_era * 365 + floor(of_era / 4) - floor(of_era / 100) + of_year - 719468
end


local function civil_of(days)
  local shifted = days + 719468
  local era = floor(shifted / 146097)
  local of_era = shifted - era * 146097
  local year = floor((of_era - floor(of_era / 1460) + floor(of_era / 36524) - floor(of_era / 146096)) / 365)
  local of_year = of_era - (365 * year + floor(year / 4) - floor(year / 100))
  local shifted_month = floor((5 * of_year + 2) / 153)
  local day = of_year - floor((153 * shifted_month + 2) / 5) + 1
  local month = shifted_month < 10 and shifted_month + 3 or shifted_month - 9
  return year + era * 400 + (month <= 2 and 1 or 0), month, day
end


local timetable = {}
timetable.__index = timetable


-- Seconds since the epoch.
function timetable:timestamp()
  return days_of(self.year, self.month, self.day) * DAY_S + self.hour * HOUR_S + self.min * MINUTE_S + self.sec
end


-- Brings fields that were changed back into their ranges.
function timetable:normalise()
  local fresh = timestamp.get_timetable(self:timestamp())
  for name, value in pairs(fresh) do
    self[name] = value
  end
  return self
end


function timetable:rfc_3339()
  return ("%04d-%02d-%02dT%02d:%02d:%06.3fZ"):format(self.year, self.month, self.day, self.hour, self.min, self.sec)
end


timestamp.timetable = timetable


-- { year, month, day, hour, min, sec, wday, yday } of milliseconds or seconds, by default of now.
function timestamp.get_timetable(at)
  at = at or timestamp.get_utc()
  local seconds = at > SECONDS_MAX and at / 1000 or at
  local days = floor(seconds / DAY_S)
  local rest = seconds - days * DAY_S
  local year, month, day = civil_of(days)
  return setmetatable({
    year = year,
    month = month,
    day = day,
    hour = floor(rest / HOUR_S),
    min = floor(rest % HOUR_S / MINUTE_S),
    sec = rest % MINUTE_S,
    wday = (days + 4) % 7 + 1,
    yday = days - days_of(year, 1, 1) + 1,
  }, timetable)
end


-- The beginning of each period that contains `at`, in milliseconds.
function timestamp.get_timestamps(at)
  local t = timestamp.get_timetable(at)
  local midnight = days_of(t.year, t.month, t.day) * DAY_S
  local hour = midnight + t.hour * HOUR_S
  local minute = hour + t.min * MINUTE_S
  return {
    second = (minute + floor(t.sec)) * 1000,
    minute = minute * 1000,
    hour = hour * 1000,
    day = midnight * 1000,
    month = days_of(t.year, t.month, 1) * DAY_S * 1000,
    year = days_of(t.year, 1, 1) * DAY_S * 1000,
  }
end


timestamp.timestamp_table_fields = { "second", "minute", "hour", "day", "month", "year" }


-- Seconds since the epoch of a time as RFC 3339 writes it ("2026-01-02T03:04:05.6Z", "...+01:00"), or nil.
function timestamp.parse_rfc_3339(text)
  local year, month, day, hour, min, sec, rest = match(text, "^(%d+)-(%d+)-(%d+)[Tt ](%d+):(%d+):(%d+%.?%d*)(.*)$")
  if not year then
    return nil
  end
  local offset = 0
  if rest ~= "Z" and rest ~= "z" then
    local sign, hours, minutes = match(rest, "^([+-])(%d%d):(%d%d)$")
    if not sign then
      return nil
    end
    offset = (hours * 60 + minutes) * (sign == "-" and -60 or 60)
  end
  return days_of(tonumber(year), tonumber(month), tonumber(day)) * DAY_S + hour * HOUR_S + min * MINUTE_S + sec - offset
end


return timestamp
