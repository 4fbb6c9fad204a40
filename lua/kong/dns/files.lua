-- The system's resolver files: /etc/hosts and /etc/resolv.conf. Read once at start by kong.dns.
-- Must never be read while requests are served: reading a file blocks.
local address = require "kong.router.address"

local lower = string.lower
local match = string.match

local files = {}

local HOSTS, RESOLV_CONF = "/etc/hosts", "/etc/resolv.conf"


local function lines_of(path)
  local file = io.open(path, "r")
  if not file then
    return {}
  end
  local out = {}
  for line in file:lines() do
    line = line:gsub("[#;].*$", "")
    if match(line, "%S") then
      out[#out + 1] = line
    end
  end
  file:close()
  return out
end


local function add_host(out, name, ip)
  local entry = out[name]
  if not entry then
    entry = {}
    out[name] = entry
  end
  local family = ip:find(":", 1, true) and "ipv6" or "ipv4"
  entry[family] = entry[family] or ip
end


-- name -> { ipv4, ipv6 }. localhost is always there.
function files.hosts(path)
  local out = {}
  for _, line in ipairs(lines_of(path or HOSTS)) do
    local ip, names = match(line, "^%s*(%S+)%s+(.*)$")
    if ip and address.network(ip) and not ip:find("/", 1, true) then
      for name in names:gmatch("%S+") do
        add_host(out, lower(name), ip)
      end
    end
  end
  out.localhost = { ipv4 = "127.0.0.1", ipv6 = "[::1]" }
  for _, entry in pairs(out) do
    if entry.ipv6 and entry.ipv6:sub(1, 1) ~= "[" then
      entry.ipv6 = "[" .. entry.ipv6 .. "]"
    end
  end
  return out
end


local function read_option(out, option)
  local name, value = match(option, "^(%w+):?(%d*)$")
  if name == "ndots" or name == "timeout" or name == "attempts" then
    out[name] = tonumber(value) or out[name]
  end
end


-- { nameservers, search, ndots, timeout (seconds), attempts }; LOCALDOMAIN and RES_OPTIONS count as the manual says.
function files.resolv_conf(path, env)
  env = env or os.getenv
  local out = { nameservers = {}, search = {}, ndots = 1, timeout = 2, attempts = 5 }
  for _, line in ipairs(lines_of(path or RESOLV_CONF)) do
    local key, rest = match(line, "^%s*(%S+)%s+(.-)%s*$")
    if key == "nameserver" then
      table.insert(out.nameservers, rest)
    elseif key == "search" or key == "domain" then
      out.search = {}
      for domain in rest:gmatch("%S+") do
        table.insert(out.search, lower(domain))
      end
    elseif key == "options" then
      for option in rest:gmatch("%S+") do
        read_option(out, option)
      end
    end
  end

  local domains = env("LOCALDOMAIN")
  if domains and domains ~= "" then
    out.search = {}
    for domain in domains:gmatch("%S+") do
      table.insert(out.search, lower(domain))
    end
  end
  for option in (env("RES_OPTIONS") or ""):gmatch("%S+") do
    read_option(out, option)
  end
  return out
end


return files
