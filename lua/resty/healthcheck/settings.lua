-- resty.healthcheck.settings: the options of a checker, with their defaults and limits.
local concat = table.concat
local error = error
local format = string.format
local ipairs = ipairs
local ngx = ngx
local pairs = pairs
local tostring = tostring
local type = type

local settings = {}

local NUMBER_MAX = 2 ^ 31 - 1
local COUNTER_MAX = 254
local TYPES = { http = true, https = true, tcp = true }
local EVENTS_MODULES = { ["resty.events"] = true, ["resty.worker.events"] = true }

-- Options whose value is taken as it is: of any type, or a table.
local ANY, TABLE = {}, {}


local function defaults()
  return {
    name = ANY, shm_name = ANY, type = ANY, events_module = "resty.worker.events",
    checks = {
      active = {
        type = "http", timeout = 1, concurrency = 10, http_path = "/", https_sni = ANY, https_verify_certificate = true, headers = TABLE,
        healthy = { interval = 0, successes = 2, http_statuses = { 200, 302 } },
        unhealthy = { interval = 0, tcp_failures = 2, timeouts = 3, http_failures = 5,
                      http_statuses = { 404, 429, 500, 501, 502, 503, 504, 505 } },
      },
      passive = {
        type = "http",
        healthy = { successes = 5, http_statuses = { 200, 201, 202, 203, 204, 205, 206, 207, 208, 226,
                                                     300, 301, 302, 303, 304, 305, 306, 307, 308 } },
        unhealthy = { tcp_failures = 2, timeouts = 7, http_failures = 5, http_statuses = { 429, 500, 503 } },
      },
    },
  }
end


local function refuse(path, name, problem)
  path[#path + 1] = name
  error(concat(path, ".") .. ": " .. problem, 0)
end


local function check_type(value, default, path, name)
  if default == ANY then
    return
  end
  if type(value) ~= type(default) then
    refuse(path, name, "invalid value")
  end
end


-- What was given of the options that there are, the rest from the defaults.
local function complete(given, known, path)
  local out = {}
  for name, default in pairs(known) do
    local value = given[name]
    if value == nil then
      if default ~= ANY and default ~= TABLE then
        value = type(default) == "table" and not default[1] and complete({}, default, path) or default
      end
    else
      check_type(value, default, path, name)
      if type(value) == "number" and (value < 0 or value > NUMBER_MAX) then
        refuse(path, name, "must be between 0 and " .. NUMBER_MAX)
      elseif type(value) == "table" and default ~= ANY and default ~= TABLE and not default[1] then
        path[#path + 1] = name
        value = complete(value, default, path)
        path[#path] = nil
      end
    end
    out[name] = value
  end
  return out
end


local function check_kind(name, kind)
  if not TYPES[kind] then
    error(name .. " can only be 'http', 'https' or 'tcp', got '" .. tostring(kind) .. "'", 0)
  end
end


local function set_of(list)
  local set = {}
  for _, item in ipairs(list) do
    set[item] = true
  end
  return set
end


-- Checks the limits of one half, and makes sets of its statuses.
local function finish(which, half)
  for _, place in ipairs { { "healthy", "successes" }, { "unhealthy", "tcp_failures" }, { "unhealthy", "http_failures" },
                           { "unhealthy", "timeouts" } } do
    if half[place[1]][place[2]] > COUNTER_MAX then
      error(format("checks.%s.%s.%s must be at most %d", which, place[1], place[2], COUNTER_MAX), 0)
    end
  end
  half.healthy.http_statuses = set_of(half.healthy.http_statuses)
  half.unhealthy.http_statuses = set_of(half.unhealthy.http_statuses)
end


-- The older option `type` is for both halves where they do not have their own.
local function spread_type(out, opts)
  if not out.type then
    return
  end
  check_kind("type", out.type)
  local checks = opts.checks or {}
  out.checks.active.type = checks.active and checks.active.type or out.type
  out.checks.passive.type = checks.passive and checks.passive.type or out.type
end


-- Parsed already, or PEM text.
local function material(value, parse)
  if type(value) ~= "string" then
    return value
  end
  return assert(parse(value))
end


-- {name, shm_name, shm, events_module, checks, ssl_cert, ssl_key} of resty.healthcheck.new's options. Raises over others.
function settings.of(opts)
  opts = opts or {}
  local out = complete(opts, defaults(), {})
  if not EVENTS_MODULES[out.events_module] then
    error("unknown events module", 0)
  end
  spread_type(out, opts)
  finish("active", out.checks.active)
  finish("passive", out.checks.passive)
  assert(out.name, "required option 'name' is missing")
  assert(out.shm_name, "required option 'shm_name' is missing")
  check_kind("checks.active.type", out.checks.active.type)
  check_kind("checks.passive.type", out.checks.passive.type)
  out.shm = assert(ngx.shared[tostring(out.shm_name)], format("no shm found by name '%s'", out.shm_name))
  if opts.ssl_cert and opts.ssl_key then
    local ssl = require "ngx.ssl"
    out.ssl_cert = material(opts.ssl_cert, ssl.parse_pem_cert)
    out.ssl_key = material(opts.ssl_key, ssl.parse_pem_priv_key)
  end
  return out
end


return settings
