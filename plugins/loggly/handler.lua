-- Sends log entries to Loggly, as syslog datagrams of RFC 5424.
local cjson = require "cjson"
local custom_fields = require "kong.tools.custom_fields"
local datagram = require "kong.tools.datagram"
local meta = require "kong.meta"
local severity = require "kong.tools.severity"

local kong = kong
local ngx = ngx
local concat = table.concat
local fmt = string.format


local Loggly = {
  PRIORITY = 6,
  VERSION = meta.version,
}


local FACILITY_USER = 8
-- Loggly's number among the private enterprises.
local ENTERPRISE = 41058


local function message(conf, entry, level)
  local tags = {}
  for i, tag in ipairs(conf.tags) do
    tags[i] = fmt('tag="%s"', tag)
  end
  return fmt("<%d>1 %s %s kong - - [%s@%d %s] %s", FACILITY_USER + level, os.date("!%Y-%m-%dT%XZ"),
             kong.node.get_hostname(), conf.key, ENTERPRISE, concat(tags, " "), cjson.encode(entry))
end


function Loggly:log(conf)
  custom_fields.set(conf.custom_fields_by_lua)
  local entry = kong.log.serialize()
  local level = severity.of(conf, entry.response and entry.response.status or 0)
  if not level then
    return
  end
  local ok, err = ngx.timer.at(0, datagram.send_later, conf, message(conf, entry, level))
  if not ok then
    kong.log.err("failed to create timer: ", err)
  end
end


return Loggly
