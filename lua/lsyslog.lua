-- require "lsyslog": the system log of libc, by the interface of the C module of that name.
local bit = require "bit"
local ffi = require "ffi"

local C = ffi.C

pcall(ffi.cdef, [[
void openlog(const char *ident, int option, int facility);
void syslog(int priority, const char *format, ...);
void closelog(void);
int setlogmask(int mask);
]])

local lsyslog = {}

local LEVELS = { "EMERG", "ALERT", "CRIT", "ERR", "WARNING", "NOTICE", "INFO", "DEBUG" }
for i = 1, #LEVELS do
  lsyslog["LOG_" .. LEVELS[i]] = i - 1
end

local FACILITIES = { KERN = 0, USER = 1, MAIL = 2, DAEMON = 3, AUTH = 4, SYSLOG = 5, LPR = 6, NEWS = 7, UUCP = 8, CRON = 9,
                     AUTHPRIV = 10, FTP = 11 }
for i = 0, 7 do
  FACILITIES["LOCAL" .. i] = 16 + i
end
for name, number in pairs(FACILITIES) do
  lsyslog["FACILITY_" .. name] = bit.lshift(number, 3)
end

-- libc keeps the pointer.
local ident


function lsyslog.open(name, facility)
  ident = name
  C.openlog(ident, 0, facility or lsyslog.FACILITY_USER)
end


function lsyslog.log(level, message)
  C.syslog(level, "%s", message)
end


function lsyslog.close()
  C.closelog()
end


function lsyslog.setmask(level)
  C.setlogmask(bit.lshift(1, level + 1) - 1)
end


return lsyslog
