--- Helpers for specs of plugins, run by `kgw test`: real gateways with a configuration, an upstream that remembers what it got.
--
--     local test = require "kgw.test"
--     local gateway = test.gateway { services = { { name = "s", routes = { { paths = { "/" } } }, plugins = { { name = "mine" } } } } }
--     assert.equal(200, gateway:get("/").status)
--     assert.equal("GET", gateway.upstream:last().method)
--     gateway:stop()
--
-- Gateways that a spec does not stop are stopped when the run ends, also when it is interrupted.
local cjson = require "cjson.safe"
local posix = require "kgw.posix"

local fmt = string.format

local test = {}

local READY_SECONDS = 10
-- Runs a gateway as long as the other end of the standard input is open, then ends it (the second signal cuts what is under
-- way) and removes its folder.
local KEEPER = [[
"$0" docker-start -c "$1/kong.conf" > "$1/start.log" 2>&1 < /dev/null &
pid=$!
trap '' INT TERM
cat > /dev/null
kill -TERM $pid 2> /dev/null
sleep 0.1
kill -TERM $pid 2> /dev/null
wait $pid
rm -rf "$1"
]]

local program
local gateways = {}
local upstream


local function find_program()
  if not program then
    local link = io.popen("readlink /proc/" .. posix.getpid() .. "/exe")
    program = link:read("*l")
    link:close()
  end
  return program
end


--- A port of the loopback interface that nobody listens on now.
function test.free_port()
  local server = assert(require("socket").bind("127.0.0.1", 0))
  local _, port = server:getsockname()
  server:close()
  return tonumber(port)
end


--- Calls fn every 5 ms until it returns something true, and returns that. Fails with "waited in vain for <what>" after
-- `seconds` (default 5).
function test.wait_for(what, fn, seconds)
  seconds = seconds or 5
  ngx.update_time()
  local deadline = ngx.now() + seconds
  repeat
    local value = fn()
    if value then
      return value
    end
    ngx.sleep(0.005)
    ngx.update_time()
  until ngx.now() > deadline
  error(fmt("waited %s s in vain for %s", seconds, what), 2)
end


local header_mt = {
  __index = function(headers, name)
    return type(name) == "string" and rawget(headers, name:lower()) or nil
  end,
}


-- The names in lower case, found in any case.
local function case_free(headers)
  local out = {}
  for name, value in pairs(headers or {}) do
    out[name:lower()] = value
  end
  return setmetatable(out, header_mt)
end


local Response = {}
Response.__index = Response


--- The body as a decoded table; raises when it is not JSON.
function Response:json()
  local value, err = cjson.decode(self.body)
  if value == nil then
    error("the body is not JSON (" .. tostring(err) .. "): " .. tostring(self.body), 2)
  end
  return value
end


-- One request to a port: a response, or nil, err.
local function send(port, method, path, options)
  options = options or {}
  local client = require("resty.http").new()
  client:set_timeout((options.timeout or 10) * 1000)
  local headers = {}
  for name, value in pairs(options.headers or {}) do
    headers[name] = value
  end
  local body = options.body
  if options.json ~= nil then
    body = cjson.encode(options.json)
    headers["Content-Type"] = headers["Content-Type"] or "application/json"
  end
  if options.query then
    path = path .. (path:find("?", 1, true) and "&" or "?") .. ngx.encode_args(options.query)
  end
  local got, err = client:request_uri("http://127.0.0.1:" .. port .. path, {
    method = method, headers = headers, body = body, keepalive = false,
  })
  if not got then
    return nil, err
  end
  return setmetatable({ status = got.status, headers = case_free(got.headers), body = got.body }, Response)
end


local Node = {}
Node.__index = Node


-- A folder with the settings (name -> value) and a configuration, and a gateway that runs in it; it may not answer yet.
local function spawn(settings, config, executable)
  local folder = os.tmpname()
  os.remove(folder)
  assert(posix.mkdirs(folder))
  local node = setmetatable({ folder = folder, port = test.free_port() }, Node)
  local all = {
    prefix = folder .. "/prefix", database = "off", declarative_config = folder .. "/kong.json", nginx_worker_processes = 1,
    proxy_listen = "127.0.0.1:" .. node.port, admin_listen = "off", status_listen = "off", mem_cache_size = "16m",
    proxy_access_log = "off",
  }
  for name, value in pairs(settings) do
    all[name] = value
  end
  local lines = {}
  for name, value in pairs(all) do
    lines[#lines + 1] = name .. " = " .. tostring(value):gsub("#", "\\#") .. "\n"
  end
  assert(posix.write_file(folder .. "/kong.conf", table.concat(lines), 420))
  assert(posix.write_file(folder .. "/kong.json", cjson.encode(config), 420))
  local err
  node.process, err = require("ngx.pipe").spawn({ "/bin/sh", "-c", KEEPER, executable or find_program(), folder })
  if not node.process then
    error(err)
  end
  gateways[#gateways + 1] = node
  return node
end


-- Waits until the node takes connections.
local function wait_ready(node)
  local sock = ngx.socket.tcp()
  sock:settimeout(1000)
  local function is_there()
    if sock:connect("127.0.0.1", node.port) then
      sock:close()
      return true
    end
    local text = posix.read_file(node.folder .. "/start.log") or ""
    return text:find("Error:", 1, true) and text
  end
  local ok, result = pcall(test.wait_for, "the gateway to start", is_there, READY_SECONDS)
  if ok and result == true then
    return node
  end
  node:stop()
  error("the gateway does not start: " .. tostring(result):gsub("\n\n  Run with.*$", ""), 3)
end


--- Ends the gateway. It need not be called: the end of the run does it.
function Node:stop()
  if self.process then
    self.process:shutdown("stdin")
    self.process = nil
  end
end


--- Sends a request and returns the response: { status, headers (found in any case), body, json = function }; nil, err when
-- there was none. options: headers, body, json (a table to send), query (a table), timeout (seconds).
function Node:request(method, path, options)
  return send(self.port, method, path, options)
end


for _, method in ipairs { "get", "post", "put", "patch", "delete", "head", "options" } do
  --- gateway:get(path, options) and so on.
  Node[method] = function(self, path, options)
    return send(self.port, method:upper(), path, options)
  end
end


--- The text of the error log so far.
function Node:error_log()
  return posix.read_file(self.folder .. "/prefix/logs/error.log") or ""
end


--- Waits until a line of the error log matches the pattern (of string.find; plain text when is_plain) and returns the match.
function Node:wait_for_log(pattern, is_plain)
  return test.wait_for("'" .. pattern .. "' in the error log", function()
    local log = self:error_log()
    local from, to = log:find(pattern, 1, is_plain)
    return from and log:sub(from, to)
  end)
end


local Upstream = {}
Upstream.__index = Upstream


--- What the upstream got since the last clear, oldest first: { method, path, query (table), raw_query, headers (found in any
-- case), body }.
function Upstream:requests()
  local list = assert(send(self.port, "GET", "/__kgw/requests")):json()
  for _, request in ipairs(list) do
    request.headers = case_free(request.headers)
  end
  return list
end


--- The newest of them; nil when there is none.
function Upstream:last()
  local list = self:requests()
  return list[#list]
end


--- Forgets requests and ordered answers.
function Upstream:clear()
  assert(send(self.port, "DELETE", "/__kgw/requests"))
  assert(send(self.port, "DELETE", "/__kgw/answers"))
end


--- Orders an answer: { path, method (both: any when absent), status, headers, body (text, or a table for JSON), delay
-- (seconds), times (how often; always when absent) }. The newest order that fits a request counts; without one the upstream
-- answers 200 with the request as JSON.
function Upstream:respond(answer)
  assert(send(self.port, "PUT", "/__kgw/answers", { json = answer }))
end


local function user_settings()
  local ffi = require "ffi"
  pcall(ffi.cdef, "unsigned getuid(void);")
  return ffi.C.getuid() == 0 and { nginx_user = "root root" } or {}
end


--- The upstream, started when it is first asked for: { port, url }. Gateways share it.
function test.upstream()
  if not upstream then
    local settings = user_settings()
    settings.lua_package_path = KGW_ROOT .. "/lua/kgw/mirror/?.lua;;"
    settings.plugins = "kgw-mirror"
    settings.log_level = "error"
    upstream = setmetatable({ node = spawn(settings, { _format_version = "3.0", plugins = { { name = "kgw-mirror" } } }) }, Upstream)
    upstream.port = upstream.node.port
    upstream.url = "http://127.0.0.1:" .. upstream.port
  end
  return upstream
end


-- Adds the names of plugins that the configuration uses, at any depth.
local function collect_plugins(value, names)
  for key, inner in pairs(value) do
    if type(inner) == "table" then
      if key == "plugins" then
        for _, plugin in ipairs(inner) do
          if plugin.name and not names[plugin.name] then
            names[plugin.name] = true
            names[#names + 1] = plugin.name
          end
        end
      end
      collect_plugins(inner, names)
    end
  end
end


-- A copy in which services without an address have the upstream's.
local function complete(config, url)
  local out = {}
  for key, value in pairs(config) do
    out[key] = value
  end
  out._format_version = config._format_version or "3.0"
  local services = {}
  for i, service in ipairs(config.services or {}) do
    services[i] = service
    if not service.url and not service.host then
      services[i] = {}
      for key, value in pairs(service) do
        services[i][key] = value
      end
      services[i].url = url
    end
  end
  out.services = config.services and services
  return out
end


--- Starts a gateway and waits until it serves. config: a declarative configuration as a table; _format_version may be left out,
-- and services without url and host get the upstream's. options:
--   conf          properties of kong.conf, name -> value
--   paths         folders that hold kong/plugins/NAME (default: the current one)
--   plugins       names of plugins to load besides those that the configuration uses
--   program       another executable to run
-- The gateway has: port, upstream (see test.upstream), get, post, ..., request, error_log, wait_for_log, stop.
-- Raises what the gateway says when it refuses the configuration.
function test.gateway(config, options)
  options = options or {}
  local shared = test.upstream()
  local names = {}
  collect_plugins(config, names)
  for _, name in ipairs(options.plugins or {}) do
    names[#names + 1] = name
  end
  local path = {}
  for _, folder in ipairs(options.paths or { "." }) do
    folder = posix.absolute(folder)
    path[#path + 1] = folder .. "/?.lua;" .. folder .. "/?/init.lua"
  end
  local settings = user_settings()
  settings.plugins = #names > 0 and table.concat(names, ",") or "off"
  settings.lua_package_path = table.concat(path, ";") .. ";;"
  for name, value in pairs(options.conf or {}) do
    settings[name] = value
  end
  local node = spawn(settings, complete(config, shared.url), options.program)
  node.upstream = shared
  wait_ready(node)
  wait_ready(shared.node)
  shared:clear()
  return node
end


--- Stops everything that specs started.
function test.stop_all()
  for _, node in ipairs(gateways) do
    node:stop()
  end
  gateways, upstream = {}, nil
end


return test
