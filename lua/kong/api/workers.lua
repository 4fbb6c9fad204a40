-- What the workers tell each other about themselves through the dictionary "kong": process ids, memory, counters and
-- which configuration they serve. Used by the Status and Admin API. Must never hold anything of a request.
local constants = require "kong.constants"
local errlog = require "ngx.errlog"

local ids = ngx.worker

local concat = table.concat
local ipairs = ipairs
local tonumber = tonumber

local workers = {}


local function dict()
  return ngx.shared.kong
end


local function key(what, id)
  return "kong:worker:" .. id .. ":" .. what
end


-- The counters, in the order in which they are packed.
local NAMES = {
  "connections_accepted", "connections_handled", "total_requests", "connections_active", "connections_reading",
  "connections_writing", "connections_waiting",
}


-- Publishes this worker's numbers; called at its start, every few seconds, and before they are shown.
function workers.publish()
  local zone = dict()
  local id = ids.id()
  if not zone or not id then
    return
  end
  local counters = require("ngx.stats").get()
  local packed = {}
  for i, name in ipairs(NAMES) do
    packed[i] = counters[name]
  end
  zone:set(key("pid", id), ids.pid())
  zone:set(key("memory", id), collectgarbage("count") * 1024)
  zone:set(key("counters", id), concat(packed, " "))
end


local LEVEL_KEY = constants.DYN_LOG_LEVEL_KEY


-- Changes the log level of this worker now and of the others soon.
function workers.set_log_level(level)
  errlog.set_sys_filter_level(level)
  dict():set(LEVEL_KEY, level)
end


-- Takes over a level that another worker was told. Called now and then.
function workers.follow_log_level()
  local level = dict():get(LEVEL_KEY)
  if level and level ~= errlog.get_sys_filter_level() then
    errlog.set_sys_filter_level(level)
  end
end


-- version: of the configuration this worker serves now.
function workers.serves(version)
  local zone, id = dict(), ids.id()
  if zone and id then
    zone:set(key("version", id), version)
  end
end


-- How many workers serve the newest configuration, and how many there are.
function workers.ready()
  local zone = dict()
  local count = ids.count()
  local wanted = zone:get("kong:config:version") or 0
  local ready = 0
  for id = 0, count - 1 do
    if (zone:get(key("version", id)) or -1) >= wanted then
      ready = ready + 1
    end
  end
  return ready, count
end


local function each()
  local zone = dict()
  local id = -1
  local count = ids.count()
  return function()
    repeat
      id = id + 1
      local pid = id < count and zone:get(key("pid", id))
      if pid then
        return id, pid, zone
      end
    until id >= count
  end
end


function workers.pids()
  local list = {}
  for _, pid in each() do
    list[#list + 1] = pid
  end
  return list
end


-- {pid, bytes} of each worker.
function workers.memory()
  workers.publish()
  local list = {}
  for id, pid, zone in each() do
    list[#list + 1] = { pid = pid, bytes = zone:get(key("memory", id)) or 0 }
  end
  return list
end


-- The counters of all workers together.
function workers.connections()
  workers.publish()
  local sum = {}
  for _, name in ipairs(NAMES) do
    sum[name] = 0
  end
  for id, _, zone in each() do
    local i = 0
    for number in (zone:get(key("counters", id)) or ""):gmatch("%S+") do
      i = i + 1
      sum[NAMES[i]] = sum[NAMES[i]] + tonumber(number)
    end
  end
  return sum
end


return workers
