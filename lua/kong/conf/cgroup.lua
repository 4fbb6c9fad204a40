-- How many workers "auto" means: the CPU quota of the container rounded up, never more than the processors of the host.
local ffi = require "ffi"

ffi.cdef [[
long sysconf(int name);
int sched_getaffinity(int pid, size_t size, void *mask);
]]

local SC_NPROCESSORS_ONLN = 84


local function read(path)
  local file = io.open(path, "r")
  if not file then
    return nil
  end
  local text = file:read("*a")
  file:close()
  return text
end


-- Processors this process may run on (taskset and cpuset included).
local function processors()
  local mask, n = ffi.new("uint8_t[128]"), 0
  if ffi.C.sched_getaffinity(0, 128, mask) >= 0 then
    for i = 0, 127 do
      local byte = mask[i]
      while byte > 0 do
        n = n + byte % 2
        byte = math.floor(byte / 2)
      end
    end
  end
  return n > 0 and n or tonumber(ffi.C.sysconf(SC_NPROCESSORS_ONLN))
end


-- The folder of this process in a hierarchy: "" for v2, a controller's name for v1.
local function own_folder(membership, controller)
  for line in (membership or ""):gmatch("[^\n]+") do
    local names, folder = line:match("^%d+:([^:]*):(.*)$")
    if names and (names == controller or (controller ~= "" and ("," .. names .. ","):find("," .. controller .. ",", 1, true))) then
      return folder
    end
  end
end


-- Calls look(folder) for the process's cgroup and every one above it; the smallest answer wins.
local function smallest(root, folder, look)
  local least
  while true do
    local quota = look(root .. (folder == "/" and "" or folder or ""))
    if quota and (not least or quota < least) then
      least = quota
    end
    if not folder or folder == "" or folder == "/" then
      return least
    end
    folder = folder:match("^(.*)/[^/]*$")
  end
end


--- The quota in processors (0.25 = a quarter), nil when there is none. root: "" but in tests.
local function quota(root)
  root = root or ""
  local membership = read(root .. "/proc/self/cgroup")
  local v2 = smallest(root .. "/sys/fs/cgroup", own_folder(membership, ""), function(folder)
    local max, period = (read(folder .. "/cpu.max") or ""):match("^(%d+) (%d+)")
    return max and tonumber(max) / tonumber(period)
  end)
  if v2 then
    return v2
  end
  for _, mount in ipairs { "/sys/fs/cgroup/cpu", "/sys/fs/cgroup/cpu,cpuacct" } do
    local v1 = smallest(root .. mount, own_folder(membership, "cpu"), function(folder)
      local max, period = tonumber(read(folder .. "/cpu.cfs_quota_us")), tonumber(read(folder .. "/cpu.cfs_period_us"))
      return max and max > 0 and period and period > 0 and max / period or nil
    end)
    if v1 then
      return v1
    end
  end
end


--- Workers for nginx_worker_processes = auto.
local function workers(root)
  local most, limit = processors(), quota(root)
  if limit then
    most = math.min(most, math.max(1, math.ceil(limit)))
  end
  return math.max(1, most)
end


return { workers = workers, quota = quota }
