-- `kgw busted PATH...` and `kgw test PATH...`: runs specs with busted inside a coroutine of the runtime, as a timer would
-- run, so that sleeping,
-- sockets, timers, threads and shared dictionaries are real.
local ffi = require "ffi"

ffi.cdef "void exit(int status);"

package.path = "./?.lua;./?/init.lua;" .. package.path

-- Dictionaries that specs may use.
local dictionaries = { "spec", "kong", "kong_locks", "kong_db_cache", "kong_db_cache_miss", "kong_core_db_cache", "kong_core_db_cache_miss",
                       "kong_healthchecks", "kong_cluster_events", "kong_rate_limiting_counters", "kong_secrets" }
for i = 1, #dictionaries do
  require("ngx.shdict").make(dictionaries[i], 5 * 1024 * 1024)
end

-- The runner ends with os.exit, which would close the Lua state under the running coroutine.
os.exit = function(code)
  io.stdout:flush()
  io.stderr:flush()
  if code == nil or code == true then
    code = 0
  elseif code == false then
    code = 1
  end
  ffi.C.exit(code)
end

-- busted looks at coroutines and prints; both must be the plain ones.
_G.print = function(...)
  local parts = {}
  for i = 1, select("#", ...) do
    parts[i] = tostring((select(i, ...)))
  end
  io.stdout:write(table.concat(parts, "\t"), "\n")
end

-- With failures the runner ends in an error without a message.
local ok, err = pcall(require("busted.runner"), { standalone = false, output = "utfTerminal" })
if not ok then
  if err then
    io.stderr:write(tostring(err), "\n")
  end
  os.exit(1)
end
