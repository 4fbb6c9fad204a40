-- Real nodes for integration specs: starts gateways in folders of their own on free ports, speaks HTTP to them, stops them.
local posix = require "kgw.posix"
local socket = require "socket"

local kgw = {}

local link = io.popen("readlink /proc/" .. posix.getpid() .. "/exe")
kgw.program = link:read("*l")
link:close()

local nodes = {}


--- A port of the loopback interface that nobody listens on now.
function kgw.free_port()
  local server = assert(socket.bind("127.0.0.1", 0))
  local _, port = server:getsockname()
  server:close()
  return tonumber(port)
end


--- Calls fn every 20 ms until it returns something true; fails after the seconds.
function kgw.wait_for(what, seconds, fn)
  local deadline = ngx.now() + seconds
  repeat
    local value = fn()
    if value then
      return value
    end
    ngx.sleep(0.02)
    ngx.update_time()
  until ngx.now() > deadline
  error("waited " .. seconds .. " s in vain for " .. what, 2)
end


local function quoted(text)
  return "'" .. tostring(text):gsub("'", "'\\''") .. "'"
end


--- Runs the program with these arguments. Returns exit code, stdout, stderr.
function kgw.run(arguments, environment)
  local out, err = os.tmpname(), os.tmpname()
  local words = { "env" }
  for name, value in pairs(environment or {}) do
    words[#words + 1] = quoted(name .. "=" .. value)
  end
  words[#words + 1] = quoted(kgw.program)
  for _, argument in ipairs(arguments) do
    words[#words + 1] = quoted(argument)
  end
  local _, _, code = os.execute(table.concat(words, " ") .. " > " .. out .. " 2> " .. err .. " < /dev/null")
  local stdout, stderr = posix.read_file(out), posix.read_file(err)
  os.remove(out)
  os.remove(err)
  return code, stdout, stderr
end


local Node = {}
Node.__index = Node


--- A folder with kong.conf and, when yml is given, kong.yml; nothing runs yet.
-- conf: name -> value over the defaults; lists of ports are in node.proxy, node.status.
function kgw.new(conf, yml)
  local folder = os.tmpname()
  os.remove(folder)
  assert(posix.mkdirs(folder))
  local node = setmetatable({ folder = folder, prefix = folder .. "/prefix", proxy = kgw.free_port(), status = kgw.free_port() }, Node)
  nodes[#nodes + 1] = node
  local all = {
    prefix = node.prefix, database = "off", proxy_listen = "127.0.0.1:" .. node.proxy, admin_listen = "off",
    status_listen = "127.0.0.1:" .. node.status, nginx_user = "root root", nginx_worker_processes = 1,
  }
  if yml then
    all.declarative_config = folder .. "/kong.yml"
    node:write("kong.yml", yml)
  end
  for name, value in pairs(conf or {}) do
    all[name] = value
  end
  node.settings = all
  node:write_conf()
  return node
end


--- A started node with one plugin of its own, without settings, on every path; `handler` is its text. more: further lines of the
-- route's plugins.
function kgw.start_with_plugin(name, handler, conf, more)
  local all = { plugins = "bundled," .. name }
  for key, value in pairs(conf or {}) do
    all[key] = value
  end
  local node = kgw.new(all, ("_format_version: \"3.0\"\nroutes:\n- name: r\n  paths: [/]\n  plugins:\n  - name: %s\n%s"):format(name, more or ""))
  node:write("lua/kong/plugins/" .. name .. "/handler.lua", handler)
  node:write("lua/kong/plugins/" .. name .. "/schema.lua",
             ("return { name = %q, fields = { { config = { type = \"record\", fields = {} } } } }"):format(name))
  node:write_conf { lua_package_path = node.folder .. "/lua/?.lua" }
  return node:start()
end


function Node:write(name, text)
  local folder = name:match("^(.*)/[^/]*$")
  if folder then
    assert(posix.mkdirs(self.folder .. "/" .. folder))
  end
  assert(posix.write_file(self.folder .. "/" .. name, text))
end


function Node:write_conf(changes)
  for name, value in pairs(changes or {}) do
    self.settings[name] = value
  end
  local lines = {}
  for name, value in pairs(self.settings) do
    lines[#lines + 1] = name .. " = " .. value .. "\n"
  end
  self:write("kong.conf", table.concat(lines))
end


--- start, stop, reload, ... of this node. Returns exit code, stdout, stderr.
function Node:cli(command, ...)
  local where = (command == "start" or command == "reload" or command == "restart" or command == "prepare")
    and { "-c", self.folder .. "/kong.conf" } or { "-p", self.prefix }
  return kgw.run { command, where[1], where[2], ... }
end


function Node:start()
  local code, out, err = self:cli("start")
  assert(code == 0, out .. err)
  return self
end


--- Asks until the worker with this id answers, whose plugin tells it in X-Worker; the body.
function Node:ask_worker(worker, path)
  for _ = 1, 200 do
    local status, body, head = self:get(path)
    assert(status == 200, body)
    if head:match("X%-Worker: (%d)") == worker then
      return body
    end
  end
  error("worker " .. worker .. " never answers")
end


function Node:pid()
  local text = posix.read_file(self.prefix .. "/pids/nginx.pid")
  return text and tonumber(text:match("%d+"))
end


function Node:workers()
  local pids, pipe = {}, io.popen("pgrep -P " .. self:pid())
  for line in pipe:lines() do
    pids[#pids + 1] = tonumber(line)
  end
  pipe:close()
  return pids
end


function Node:error_log()
  return posix.read_file(self.prefix .. "/logs/error.log") or ""
end


--- One request on a new connection. Returns status, body, head text; nil, err when there is no answer.
function Node:get(path, headers, port)
  local sock = ngx.socket.tcp()
  sock:settimeout(3000)
  local ok, err = sock:connect("127.0.0.1", port or self.proxy)
  if not ok then
    return nil, err
  end
  local lines = { "GET " .. path .. " HTTP/1.1", "Host: localhost", "Connection: close" }
  for name, value in pairs(headers or {}) do
    lines[#lines + 1] = name .. ": " .. value
  end
  ok, err = sock:send(table.concat(lines, "\r\n") .. "\r\n\r\n")
  local text
  if ok then
    text, err = sock:receive("*a")
  end
  sock:close()
  local head, body = (text or ""):match("^(.-\r\n)\r\n(.*)$")
  local status = head and tonumber(head:match("^HTTP/1%.1 (%d+)"))
  return status, status and body or err or "no answer", head
end


--- One POST on a new connection. Returns status, body.
function kgw.post(path, body, content_type, port)
  local sock = ngx.socket.tcp()
  sock:settimeout(30000)
  assert(sock:connect("127.0.0.1", port))
  assert(sock:send("POST " .. path .. " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Type: " .. content_type
                   .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body))
  local text = assert(sock:receive("*a"))
  sock:close()
  return tonumber(text:match("^HTTP/1%.1 (%d+)")), text:match("\r\n\r\n(.*)$")
end


--- A node that was started in another way, to send requests to.
function kgw.new_client(port)
  return setmetatable({ proxy = port }, Node)
end


--- Stops and removes every node of this spec.
function kgw.stop_all()
  for _, node in ipairs(nodes) do
    if node:pid() then
      node:cli("stop")
    end
    os.execute("rm -rf " .. node.folder)
  end
  nodes = {}
end


return kgw
