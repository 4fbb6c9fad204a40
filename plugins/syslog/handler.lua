-- Gives log entries to the system's logger.
local bit = require "bit"
local cjson = require "cjson"
local custom_fields = require "kong.tools.custom_fields"
local ffi = require "ffi"
local meta = require "kong.meta"
local severity = require "kong.tools.severity"

local kong = kong
local C = ffi.C

ffi.cdef [[
void openlog(const char *ident, int option, int facility);
void syslog(int priority, const char *format, ...);
]]


local Syslog = {
  PRIORITY = 4,
  VERSION = meta.version,
}


local LOG_PID = 1

local FACILITIES = {
  kern = 0, user = 1, mail = 2, daemon = 3, auth = 4, syslog = 5, lpr = 6, news = 7, uucp = 8, cron = 9, authpriv = 10,
  ftp = 11, local0 = 16, local1 = 17, local2 = 18, local3 = 19, local4 = 20, local5 = 21, local6 = 22, local7 = 23,
}

-- The logger keeps the pointer: the name has to stay.
local NAME = ffi.new("char[5]", "kong")
local is_open = false


function Syslog:log(conf)
  custom_fields.set(conf.custom_fields_by_lua)
  local entry = kong.log.serialize()
  local level = severity.of(conf, entry.response and entry.response.status or 0)
  if not level then
    return
  end
  if not is_open then
    C.openlog(NAME, LOG_PID, bit.lshift(FACILITIES.user, 3))
    is_open = true
  end
  C.syslog(bit.bor(bit.lshift(FACILITIES[conf.facility], 3), level), "%s", cjson.encode(entry))
end


return Syslog
