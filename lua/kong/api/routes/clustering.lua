-- /clustering/data-planes and /clustering/status: what a control plane knows of its data planes. Registered by the Admin API.
local rows = require "kong.api.rows"

local ipairs = ipairs
local tonumber = tonumber

local clustering = {}

local PAGE = 100
local MAX_PAGE = 1000


local function refuse()
  return 400, { message = "this endpoint is only available when Kong is configured to run as Control Plane for the cluster" }
end


local function list()
  return require("kong.clustering.records").list()
end


-- One page; the offset is the id of the last record of the page before.
local function get_data_planes(self)
  local size = tonumber(self.query.size) or PAGE
  if size < 1 or size > MAX_PAGE then
    size = PAGE
  end
  local data, offset = {}, nil
  for _, record in ipairs(list()) do
    if not self.query.offset or record.id > self.query.offset then
      if #data == size then
        offset = data[#data].id
        break
      end
      data[#data + 1] = record
    end
  end
  return 200, { data = rows.array(data), next = offset and "/clustering/data-planes?offset=" .. offset or ngx.null, offset = offset }
end


local function get_status()
  local by_id = {}
  for _, record in ipairs(list()) do
    by_id[record.id] = { config_hash = record.config_hash, hostname = record.hostname, ip = record.ip, last_seen = record.last_seen }
  end
  return 200, by_id, { Deprecation = "true" }
end


function clustering.register(router)
  local is_control_plane = kong.configuration.role == "control_plane"
  router:add("/clustering/data-planes", { GET = is_control_plane and get_data_planes or refuse })
  router:add("/clustering/status", { GET = is_control_plane and get_status or refuse })
end


return clustering
