-- Counters of connections and requests, as nginx's stub_status gives them. They are this worker's.
local base = require "ngx.base"
local ffi = require "ffi"

local C = base.C
local tonumber = tonumber

local counters = ffi.new("uint64_t[8]")

local stats = {}


function stats.get()
  C.kgw_ffi_conn_stats(counters)
  local active, live = tonumber(counters[3]), tonumber(counters[4])
  return {
    connections_accepted = tonumber(counters[0]),
    connections_handled = tonumber(counters[1]),
    total_requests = tonumber(counters[2]),
    connections_active = active,
    connections_reading = 0,
    connections_writing = live,
    connections_waiting = active > live and active - live or 0,
  }
end


return stats
