-- What the control plane knows of its data planes, for GET /clustering/data-planes and /clustering/status. Kept in memory: a record is as old as the
-- control plane; connected data planes come back within seconds of a restart.

local cjson = require("cjson")

local records = {}

local by_id = {}
local cnt = 0
local MAX = 100000


local function purge(now, delay)
  for id, record in pairs(by_id) do
    if now - record.last_seen > delay then
      by_id[id] = nil
      cnt = cnt - 1
    end
  end
end


local function is_uuid(text)
  return #text == 36 and text:find("^%x+%-%x+%-%x+%-%x+%-%x+$") ~= nil
end


-- session: of kong.clustering.control_plane. A node id that is no UUID is served, but has no record.
function records.save(session)
  if not is_uuid(session.id) then
    return
  end
  local now = ngx.time()
  if not by_id[session.id] then
    if cnt >= MAX then
      purge(now, kong.configuration.cluster_data_plane_purge_delay)
    end
    cnt = cnt + 1
  end
  by_id[session.id] = {
    id = session.id, last_seen = session.last_seen, updated_at = now, ip = session.ip, config_hash = session.hash, hostname = session.hostname,
    version = session.version, sync_status = session.status or "unknown", labels = session.labels, rpc_capabilities = setmetatable({}, cjson.array_mt),
    cert_details = session.expiry and { expiry_timestamp = session.expiry } or nil,
  }
end


-- Array of records, sorted by id, with the seconds each has left.
function records.list()
  local now, delay = ngx.time(), kong.configuration.cluster_data_plane_purge_delay
  purge(now, delay)
  local list = {}
  for _, record in pairs(by_id) do
    local copy = {}
    for name, v in pairs(record) do
      copy[name] = v
    end
    copy.ttl = delay - (now - record.last_seen)
    list[#list + 1] = copy
  end
  table.sort(list, function(a, b) return a.id < b.id end)
  return list
end


return records
