-- require "resty.redis": a Redis client over cosockets with the interface of lua-resty-redis. Every Redis command is a method;
-- an error answer is false, text; a failed exchange nil, err; a null reply ngx.null.
local byte = string.byte
local concat = table.concat
local getmetatable = getmetatable
local lower = string.lower
local pairs = pairs
local rawget = rawget
local select = select
local setmetatable = setmetatable
local sub = string.sub
local tonumber = tonumber
local tostring = tostring
local type = type
local null = ngx.null
local ngx_socket_tcp = ngx.socket.tcp

local STATUS, ERROR, INTEGER, BULK, ARRAY = byte("+-:$*", 1, 5)
local SUBSCRIBE = { subscribe = true, psubscribe = true, ssubscribe = true }
local UNSUBSCRIBE = { unsubscribe = true, punsubscribe = true, sunsubscribe = true }

local Redis = { _VERSION = "0.30", null = null }


function Redis.new(_)
  local sock, err = ngx_socket_tcp()
  if not sock then
    return nil, err
  end
  return setmetatable({ _sock = sock, _subscribed = false }, getmetatable(Redis).instances)
end


--- Milliseconds.
function Redis.set_timeout(self, ms)
  local sock = rawget(self, "_sock")
  if not sock then
    error("not initialized", 2)
  end
  sock:settimeout(ms)
end


function Redis.set_timeouts(self, connect_ms, send_ms, read_ms)
  local sock = rawget(self, "_sock")
  if not sock then
    error("not initialized", 2)
  end
  sock:settimeouts(connect_ms, send_ms, read_ms)
end


--- connect(host, port, opts) or connect("unix:/path", opts): 1, or nil, err. opts: pool pool_size backlog ssl ssl_verify server_name.
function Redis.connect(self, host, port_or_opts, opts)
  local sock = rawget(self, "_sock")
  if not sock then
    return nil, "not initialized"
  end
  local is_unix = type(host) == "string" and sub(host, 1, 5) == "unix:"
  if is_unix then
    opts = port_or_opts
  end
  self._subscribed = false
  self._pending = nil
  local ok, err
  if is_unix then
    ok, err = sock:connect(host, opts)
  else
    ok, err = sock:connect(host, port_or_opts, opts)
  end
  if not ok then
    return ok, err
  end
  if opts and opts.ssl and sock:getreusedtimes() == 0 then
    ok, err = sock:sslhandshake(false, opts.server_name, opts.ssl_verify)
    if not ok then
      return ok, "failed to do ssl handshake: " .. err
    end
  end
  return 1, nil
end


function Redis.set_keepalive(self, ...)
  local sock = rawget(self, "_sock")
  if not sock then
    return nil, "not initialized"
  elseif rawget(self, "_subscribed") then
    return nil, "subscribed state"
  end
  return sock:setkeepalive(...)
end


function Redis.get_reused_times(self)
  local sock = rawget(self, "_sock")
  if not sock then
    return nil, "not initialized"
  end
  return sock:getreusedtimes()
end


function Redis.close(self)
  local sock = rawget(self, "_sock")
  if not sock then
    return nil, "not initialized"
  end
  self._subscribed = false
  return sock:close()
end


-- The protocol ------------------------------------------------------------------------------------------

local read_reply


local function read_array(self, sock, n)
  if n < 0 then
    return null
  end
  local list = {}
  for i = 1, n do
    local value, err = read_reply(self, sock)
    if value then
      list[i] = value
    elseif value == nil then
      return nil, err
    else
      list[i] = { false, err }
    end
  end
  return list
end


-- A value; false, text of an error answer; nil, err.
function read_reply(self, sock)
  local line, err = sock:receive()
  if not line then
    if err == "timeout" and not rawget(self, "_subscribed") then
      sock:close() -- an answer that comes later would belong to another command
    end
    return nil, err
  end
  local prefix = byte(line)
  if prefix == BULK then
    local size = tonumber(sub(line, 2))
    if size < 0 then
      return null
    end
    local data
    data, err = sock:receive(size)
    if data then
      local crlf
      crlf, err = sock:receive(2)
      if crlf then
        return data
      end
    end
    if err == "timeout" then
      sock:close()
    end
    return nil, err
  elseif prefix == STATUS then
    return sub(line, 2)
  elseif prefix == INTEGER then
    return tonumber(sub(line, 2))
  elseif prefix == ERROR then
    return false, sub(line, 2)
  elseif prefix == ARRAY then
    return read_array(self, sock, tonumber(sub(line, 2)))
  end
  return nil, 'unknown prefix: "' .. tostring(prefix) .. '"'
end


local function encode(cmd, n, ...)
  local parts = { "*", n + 1, "\r\n$", #cmd, "\r\n", cmd, "\r\n" }
  local at = 7
  for i = 1, n do
    local arg = select(i, ...)
    if type(arg) ~= "string" then
      arg = tostring(arg)
    end
    parts[at + 1], parts[at + 2], parts[at + 3], parts[at + 4], parts[at + 5] = "$", #arg, "\r\n", arg, "\r\n"
    at = at + 5
  end
  return concat(parts)
end


-- Keeps count of subscriptions: with the last one gone the connection is as before.
local function note_subscription(self, reply)
  if type(reply) == "table" and type(reply[1]) == "string" and UNSUBSCRIBE[lower(reply[1])] and reply[3] == 0 then
    self._subscribed = false
  end
end


local function command(self, cmd, ...)
  local module = rawget(self, "_module_prefix")
  if module then
    self._module_prefix = nil
    cmd = module .. "." .. cmd
  end
  local sock = rawget(self, "_sock")
  if not sock then
    return nil, "not initialized"
  end
  local text = encode(cmd, select("#", ...), ...)
  local pending = rawget(self, "_pending")
  if pending then
    pending[#pending + 1] = text
    return
  end
  local sent, err = sock:send(text)
  if not sent then
    return nil, err
  end
  local value
  value, err = read_reply(self, sock)
  return value, err
end


--- The next message of the subscribed channels.
function Redis.read_reply(self)
  local sock = rawget(self, "_sock")
  if not sock then
    return nil, "not initialized"
  elseif not rawget(self, "_subscribed") then
    return nil, "not subscribed"
  end
  local reply, err = read_reply(self, sock)
  note_subscription(self, reply)
  return reply, err
end


local function subscriber(cmd)
  return function(self, ...)
    if SUBSCRIBE[cmd] then
      self._subscribed = true
    elseif not rawget(self, "_subscribed") then
      return nil, "not subscribed"
    end
    local reply, err = command(self, cmd, ...)
    note_subscription(self, reply)
    return reply, err
  end
end

for _, names in ipairs { SUBSCRIBE, UNSUBSCRIBE } do
  for name in pairs(names) do
    Redis[name] = subscriber(name)
  end
end


--- hmset(key, { field = value, .. }) or hmset(key, field, value, ..).
function Redis.hmset(self, key, ...)
  local first = ...
  if select("#", ...) ~= 1 or type(first) ~= "table" then
    return command(self, "hmset", key, ...)
  end
  local args, n = {}, 0
  for field, value in pairs(first) do
    args[n + 1], args[n + 2] = field, value
    n = n + 2
  end
  return command(self, "hmset", key, unpack(args, 1, n))
end


-- Pipelines -----------------------------------------------------------------------------------------------

--- Commands are kept until commit_pipeline.
function Redis.init_pipeline(self, n)
  self._pending = table.new and table.new(n or 4, 0) or {}
end


function Redis.cancel_pipeline(self)
  self._pending = nil
end


--- The answers in order ({ false, text } for an error), or nil, err.
function Redis.commit_pipeline(self)
  local pending = rawget(self, "_pending")
  if not pending then
    return nil, "no pipeline"
  end
  self._pending = nil
  local sock = rawget(self, "_sock")
  if not sock then
    return nil, "not initialized"
  end
  local sent, err = sock:send(pending)
  if not sent then
    return nil, err
  end
  local answers = {}
  for i = 1, #pending do
    local value
    value, err = read_reply(self, sock)
    if value then
      answers[i] = value
    elseif value == nil then
      if err == "timeout" then
        sock:close()
      end
      return nil, err
    else
      answers[i] = { false, err }
    end
  end
  return answers
end


--- { "a", 1, "b", 2 } -> { a = 1, b = 2 }
function Redis.array_to_hash(_, list)
  local hash = {}
  for i = 1, #list, 2 do
    hash[list[i]] = list[i + 1]
  end
  return hash
end


--- Commands of a Redis module: red:bf():add(..) sends bf.add.
function Redis.register_module_prefix(module)
  Redis[module] = function(self)
    self._module_prefix = module
    return self
  end
end


--- Commands need no registration any more.
function Redis.add_commands() end


local function method(_, cmd)
  if type(cmd) ~= "string" then
    return nil
  end
  local fn = rawget(Redis, cmd)
  if not fn then
    fn = function(self, ...)
      return command(self, cmd, ...)
    end
    Redis[cmd] = fn
  end
  return fn
end


return setmetatable(Redis, { __index = method, instances = { __index = method } })
