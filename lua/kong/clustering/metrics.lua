-- What the link to the control plane is doing, for the Status API, /metrics and the log: state, last failure and its stage,
-- counts, the hash in use. Kept in shared memory: worker 0 writes, whichever worker is asked reads.

local DICT = "kong"
local KEY = "clustering:link:"

local _M = {}


local function dict()
  return ngx.shared[DICT]
end


local function set(name, value)
  dict():set(KEY .. name, value)
end


local function count(name)
  dict():incr(KEY .. name, 1, 0)
end


function _M.connected()
  set("connected", 1)
  set("since", ngx.time())
  count("connects")
end


-- stage: where it failed (DNS, TCP, proxy, TLS, upgrade, HTTP, connection).
function _M.disconnected(stage, reason)
  set("connected", 0)
  set("stage", stage)
  set("reason", reason)
  count("failures:" .. stage)
end


function _M.applied(hash)
  set("hash", hash)
  set("applied_at", ngx.time())
  count("applied")
end


function _M.failed()
  count("rejected")
end


local STAGES = { "configuration", "DNS", "TCP", "proxy", "proxy TLS", "TLS", "upgrade", "HTTP", "connection" }

-- {connected, since, stage, reason, connects, applied, applied_at, rejected, hash, failures = {stage -> count}}
function _M.read()
  local d = dict()
  local found = { failures = {} }
  for _, name in ipairs({ "connected", "since", "stage", "reason", "connects", "applied", "applied_at", "rejected", "hash" }) do
    found[name] = d:get(KEY .. name)
  end
  for _, stage in ipairs(STAGES) do
    found.failures[stage] = d:get(KEY .. "failures:" .. stage)
  end
  return found
end


return _M
