-- require "date": points in time and spans, with arithmetic, formats and parsing, for plugins that use that module.
-- A date holds seconds since 1970 in its own clock (UTC or local: a date does not know which; tolocal and toutc convert).
-- A span is the same thing, read with span* functions.
local timestamp = require "kong.tools.timestamp"

local floor = math.floor
local fmt = string.format
local gsub = string.gsub
local lower = string.lower
local match = string.match
local os_date = os.date
local os_time = os.time
local setmetatable = setmetatable
local tonumber = tonumber
local type = type

local Date = {}
Date.__index = Date

local DAY = 86400
local MONTHS = { jan = 1, feb = 2, mar = 3, apr = 4, may = 5, jun = 6, jul = 7, aug = 8, sep = 9, oct = 10, nov = 11, dec = 12 }
local PRESETS = {
  iso = "%Y-%m-%dT%H:%M:%S",
  http = "%a, %d %b %Y %H:%M:%S GMT",
  rfc850 = "%A, %d-%b-%y %H:%M:%S GMT",
  rfc1123 = "%a, %d %b %Y %H:%M:%S GMT",
  asctime = "%a %b %d %H:%M:%S %Y",
}


local function new(seconds)
  return setmetatable({ seconds = seconds }, Date)
end


-- Days since 1970 of a day of the Gregorian calendar; months out of 1..12 run into other years.
local function days_of(year, month, day)
  year = year + floor((month - 1) / 12)
  month = (month - 1) % 12 + 1
  local y = month <= 2 and year - 1 or year
  local era = floor(y / 400)
  local of_era = y - era * 400
  local of_year = floor((153 * (month + (month > 2 and -3 or 9)) + 2) / 5) + day - 1
  return era * 146097 + of_era * 365 + floor(of_era / 4) - floor(of_era / 100) + of_year - 719468
end


local function seconds_of(year, month, day, hour, min, sec)
  return days_of(year, month or 1, day or 1) * DAY + (hour or 0) * 3600 + (min or 0) * 60 + (sec or 0)
end


local function fields(self)
  return os_date("!*t", floor(self.seconds))
end


local function fraction(self)
  return self.seconds - floor(self.seconds)
end


-- Seconds that the local clock is ahead of UTC.
local function offset_at(utc)
  utc = floor(utc)
  local t = os_date("!*t", utc)
  t.isdst = os_date("*t", utc).isdst
  return utc - os_time(t)
end


local function month_number(name)
  return name and MONTHS[lower(name:sub(1, 3))]
end


-- "+02:00", "-0130", "Z", "GMT", "UTC" or "" in seconds.
local function zone_offset(text)
  local sign, hours, minutes = match(text, "^%s*([+-])(%d%d):?(%d*)$")
  if sign then
    local offset = tonumber(hours) * 3600 + (tonumber(minutes) or 0) * 60
    return sign == "-" and -offset or offset
  end
  text = match(text, "^%s*(.-)%s*$")
  return (text == "" or text == "Z" or text == "z" or text == "GMT" or text == "UTC") and 0 or nil
end


-- "12:30:05.5+02:00" in seconds; "" is midnight.
local function clock_of(text)
  if match(text, "^%s*$") then
    return 0
  end
  local hour, min, rest = match(text, "^[Tt%s]%s*(%d%d?):?(%d%d)(.*)$")
  if not hour then
    return nil
  end
  local sec, zone = match(rest, "^:?(%d%d%.?%d*)(.*)$")
  local offset = zone_offset(zone or rest)
  return offset and tonumber(hour) * 3600 + tonumber(min) * 60 + (tonumber(sec) or 0) - offset
end


-- ISO 8601, the formats of HTTP and of ctime.
local function parse(text)
  local year, month, day, rest = match(text, "^%s*(%d%d%d%d)%-?(%d%d)%-?(%d%d)(.*)$")
  if not year then
    local name
    day, name, year, rest = match(text, "^%s*%a*,?%s*(%d%d?)[%s%-](%a+)[%s%-](%d+)(.*)$")
    month = month_number(name)
    if month and #year == 2 then
      year = (tonumber(year) < 70 and 2000 or 1900) + tonumber(year)
    end
    if not month then
      local clock
      name, day, clock, year = match(text, "^%s*%a+%s+(%a+)%s+(%d%d?)(%s+[%d:%.]+)%s+(%d%d%d%d)%s*$")
      month, rest = month_number(name), clock
    end
  end
  local clock = month and clock_of(rest)
  if not clock then
    return nil
  end
  return new(seconds_of(tonumber(year), tonumber(month), tonumber(day)) + clock)
end


-- date(): now, local; date(true): now, UTC; date(seconds); date("2025-01-31T10:00:00Z"); date { year =, month =, ... };
-- date(year, month, day, hour, min, sec). Raises what it can't read.
local function construct(_, a, month, day, hour, min, sec)
  local kind = type(a)
  if a == nil then
    return new(os_time() + offset_at(os_time()))
  elseif a == true then
    return new(timestamp.get_utc_ms() / 1000)
  elseif month then
    return new(seconds_of(tonumber(a), month_number(tostring(month)) or tonumber(month), day, hour, min, sec))
  elseif kind == "number" then
    return new(a)
  elseif kind == "string" then
    return parse(a) or error("invalid date: " .. a, 2)
  elseif getmetatable(a) == Date then
    return new(a.seconds)
  elseif kind == "table" then
    return new(seconds_of(a.year, a.month, a.day, a.hour, a.min, a.sec))
  end
  return error("invalid date: " .. tostring(a), 2)
end


local function seconds_in(value)
  if getmetatable(value) == Date then
    return value.seconds
  end
  return type(value) == "number" and value or construct(nil, value).seconds
end


-- Parts ---------------------------------------------------------------------------------------------------------------

for name, field in pairs { getyear = "year", getmonth = "month", getday = "day", gethours = "hour", getminutes = "min",
                           getweekday = "wday", getyearday = "yday" } do
  Date[name] = function(self)
    return fields(self)[field]
  end
end


function Date:getseconds()
  return fields(self).sec + fraction(self)
end


function Date:getticks()
  return floor(fraction(self) * 1000000 + 0.5)
end


function Date:getdate()
  local t = fields(self)
  return t.year, t.month, t.day
end


function Date:gettime()
  local t = fields(self)
  return t.hour, t.min, t.sec, self:getticks()
end


function Date:getisoweekday()
  return (fields(self).wday + 5) % 7 + 1
end


-- Minutes that the local clock is behind UTC.
function Date:getbias()
  return -offset_at(self.seconds) / 60
end


function Date:getclockhour()
  return (fields(self).hour + 11) % 12 + 1
end


-- Changes: all of them change the date itself and return it ----------------------------------------------------------------

for name, unit in pairs { days = DAY, hours = 3600, minutes = 60, seconds = 1, ticks = 1e-6 } do
  Date["add" .. name] = function(self, n)
    self.seconds = self.seconds + n * unit
    return self
  end
  Date["span" .. name] = function(self)
    return self.seconds / unit
  end
end


local function reset(self, year, month, day, hour, min, sec)
  local t = fields(self)
  self.seconds = seconds_of(year or t.year, month or t.month, day or t.day, hour or t.hour, min or t.min,
                            sec or t.sec + fraction(self))
  return self
end


function Date:addmonths(n)
  return reset(self, nil, fields(self).month + n)
end


function Date:addyears(n)
  return reset(self, fields(self).year + n)
end


function Date:setyear(year, month, day)
  return reset(self, year, month, day)
end


function Date:setmonth(month, day)
  return reset(self, nil, month, day)
end


function Date:setday(day)
  return reset(self, nil, nil, day)
end


function Date:sethours(hour, min, sec)
  return reset(self, nil, nil, nil, hour, min, sec)
end


function Date:setminutes(min, sec)
  return reset(self, nil, nil, nil, nil, min, sec)
end


function Date:setseconds(sec)
  return reset(self, nil, nil, nil, nil, nil, sec)
end


function Date:tolocal()
  self.seconds = self.seconds + offset_at(self.seconds)
  return self
end


function Date:toutc()
  self.seconds = self.seconds - offset_at(self.seconds)
  return self
end


function Date:copy()
  return new(self.seconds)
end


-- Text, order, arithmetic --------------------------------------------------------------------------------------------------

-- Formats of strftime, and ${iso}, ${http}, ${rfc850}, ${rfc1123}, ${asctime}. %z is the local zone's.
function Date:fmt(format)
  format = gsub(format or "%Y-%m-%d %H:%M:%S", "%${(%w+)}", PRESETS)
  format = gsub(format, "%%(.)", function(what)
    if what == "z" then
      local offset = offset_at(self.seconds)
      local minutes = floor(math.abs(offset) / 60)
      return fmt("%s%02d%02d", offset < 0 and "-" or "+", floor(minutes / 60), minutes % 60)
    elseif what == "Z" then
      return "GMT"
    end
  end)
  return os_date("!" .. format, floor(self.seconds))
end


function Date.__tostring(self)
  return self:fmt("%a, %d %b %Y %H:%M:%S")
end


function Date.__eq(a, b)
  return a.seconds == b.seconds
end


function Date.__lt(a, b)
  return a.seconds < b.seconds
end


function Date.__le(a, b)
  return a.seconds <= b.seconds
end


function Date.__add(a, b)
  return new(seconds_in(a) + seconds_in(b))
end


function Date.__sub(a, b)
  return new(seconds_in(a) - seconds_in(b))
end


function Date.__concat(a, b)
  return tostring(a) .. tostring(b)
end


local date = { version = "2.2.1" }


-- The span from b to a.
function date.diff(a, b)
  return new(construct(nil, a).seconds - construct(nil, b).seconds)
end


function date.epoch()
  return new(0)
end


function date.isleapyear(year)
  year = type(year) == "number" and year or construct(nil, year):getyear()
  return year % 4 == 0 and (year % 100 ~= 0 or year % 400 == 0)
end


return setmetatable(date, { __call = construct })
