-- The severities of syslog, and which of a plugin's settings applies to an answer.
-- Used by the syslog and loggly plugins.
local severity = {}

severity.NAMES = { "debug", "info", "notice", "warning", "err", "crit", "alert", "emerg" }
severity.NUMBERS = { debug = 7, info = 6, notice = 5, warning = 4, err = 3, crit = 2, alert = 1, emerg = 0 }


-- The number of the severity for a status, or nil when the configuration wants nothing that unimportant.
function severity.of(conf, status)
  local name = conf.successful_severity
  if status >= 500 then
    name = conf.server_errors_severity
  elseif status >= 400 then
    name = conf.client_errors_severity
  end
  local number = severity.NUMBERS[name]
  return number <= severity.NUMBERS[conf.log_level] and number or nil
end


-- The four settings, for schemas.
function severity.fields(is_required)
  local fields = {}
  for i, name in ipairs { "log_level", "successful_severity", "client_errors_severity", "server_errors_severity" } do
    fields[i] = { [name] = { type = "string", default = "info", required = is_required, one_of = severity.NAMES } }
  end
  return fields
end


return severity
