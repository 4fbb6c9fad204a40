-- kong.node: this gateway's identity and memory.
local bytes_to_str = require("kong.tools.string").bytes_to_str
local private = require "kong.pdk.private.node"
local utils = require "kong.tools.uuid"

local floor = math.floor
local fmt = string.format
local ngx = ngx
local tonumber = tonumber
local type = type

local SCALE_DEFAULT = 2
local ID_KEY = "kong:node_id"
local MEMORY_KEY = "kong:mem:"

local node_id, hostname


-- The id that was configured, saved in the prefix or made at this start.
local function get_id()
  if node_id then
    return node_id
  end
  local configured = kong.configuration.node_id
  if configured and configured ~= "" then
    node_id = configured
    return node_id
  end
  local saved = private.load_node_id(kong.configuration.prefix)
  if saved then
    node_id = saved
    return node_id
  end
  local dict = ngx.shared.kong
  dict:safe_add(ID_KEY, utils.uuid())
  local found, err = dict:get(ID_KEY)
  if not found then
    error(fmt("failed to get '%s': %s", ID_KEY, err or "no such key"))
  end
  node_id = found
  return node_id
end


local function get_hostname()
  hostname = hostname or private.hostname()
  return hostname
end


-- Notes the Lua memory of this worker, for get_memory_stats of all workers. Kilobytes.
local function note_memory()
  local kilobytes = floor(collectgarbage("count"))
  return ngx.shared.kong:set(MEMORY_KEY .. ngx.worker.pid(), kilobytes), kilobytes
end


-- unit: "b" (numbers), "k", "m" or "g" (texts with `scale` decimals).
local function check_unit(unit, scale)
  if unit:lower():find("^[bkmg]$") == nil then
    error("invalid unit '" .. unit .. "' (expected 'k/K', 'm/M', or 'g/G')", 3)
  end
  if scale < 0 then
    error("scale must be equal or greater than 0", 3)
  end
end


local function memory_of_workers(convert)
  local own_pid = ngx.worker.pid()
  note_memory()
  local list = {}
  local phase = ngx.get_phase()
  -- Before requests are served the others are not known.
  local pids = phase ~= "init" and phase ~= "init_worker" and ngx.worker.pids() or { own_pid }
  for i = 1, #pids do
    local kilobytes, err = ngx.shared.kong:get(MEMORY_KEY .. pids[i])
    if kilobytes then
      list[#list + 1] = { pid = pids[i], http_allocated_gc = convert(kilobytes * 1024) }
    elseif pids[i] == own_pid then
      list[#list + 1] = { pid = pids[i], err = "could not get worker's HTTP Lua VM memory: " .. (err or "not found") }
    end
  end
  return list
end


local function get_memory_stats(unit, scale)
  unit = unit or "b"
  scale = tonumber(scale or SCALE_DEFAULT) or -1
  check_unit(tostring(unit), scale)
  local function convert(bytes)
    if unit == "b" or unit == "B" then
      return bytes
    end
    return bytes_to_str(bytes, unit, scale)
  end
  local dicts = {}
  for name, dict in pairs(ngx.shared) do
    if type(dict) == "table" and dict.capacity then
      local capacity = dict:capacity()
      dicts[name] = { capacity = convert(capacity), allocated_slabs = convert(capacity - dict:free_space()) }
    end
  end
  return { workers_lua_vms = memory_of_workers(convert), lua_shared_dicts = dicts }
end


return {
  new = function()
    return { get_id = get_id, get_hostname = get_hostname, get_memory_stats = get_memory_stats }
  end,
}
