-- Connections to Redis by the `redis` record of a plugin's configuration: pools, TLS, AUTH, SELECT.
-- Used by plugins. A connection is owned by the caller from `get` to `put` or `close`.
local redis = require "resty.redis"

local fmt = string.format

local connection = {}

local POOL_IDLE_MS = 10000
local POOL_SIZE = 100

-- Connect options by record. The pool's name holds all that makes connections differ, so that nobody gets
-- one that is logged in as somebody else or has another database selected.
local options = setmetatable({}, { __mode = "k" })


local function options_of(conf)
  local opts = options[conf]
  if not opts then
    opts = {
      ssl = conf.ssl,
      ssl_verify = conf.ssl_verify,
      server_name = conf.server_name,
      pool = fmt("redis:%s:%d;%d;%s;%s;%s;%s", conf.host, conf.port, conf.database or 0, conf.username or "",
                 conf.password and ngx.md5(conf.password) or "", tostring(conf.ssl), conf.server_name or ""),
    }
    options[conf] = opts
  end
  return opts
end


local function is_given(value)
  return type(value) == "string" and value ~= ""
end


local function log_in(red, conf)
  if not is_given(conf.password) then
    return true
  end
  local function send(current)
    if is_given(current.username) then
      return red:auth(current.username, current.password)
    end
    return red:auth(current.password)
  end
  -- A password from a vault may have been rotated since it was read.
  if kong.vault and kong.vault.try then
    return kong.vault.try(send, conf)
  end
  return send(conf)
end


-- A ready client, or nil and an error.
function connection.get(conf)
  local red = redis:new()
  red:set_timeout(conf.timeout)
  local ok, err = red:connect(conf.host, conf.port, options_of(conf))
  if not ok then
    return nil, "failed to connect to Redis: " .. tostring(err)
  end
  local reused
  reused, err = red:get_reused_times()
  if not reused then
    return nil, "failed to connect to Redis: " .. tostring(err)
  end
  if reused > 0 then
    return red
  end
  ok, err = log_in(red, conf)
  if not ok then
    red:close()
    return nil, "failed to auth Redis: " .. tostring(err)
  end
  if conf.database and conf.database ~= 0 then
    ok, err = red:select(conf.database)
    if not ok then
      red:close()
      return nil, "failed to change Redis database: " .. tostring(err)
    end
  end
  return red
end


-- Gives a connection back to its pool. One on which a call failed has to be closed instead.
function connection.put(red)
  local ok, err = red:set_keepalive(POOL_IDLE_MS, POOL_SIZE)
  if not ok then
    kong.log.err("failed to set Redis keepalive: ", err)
  end
end


-- Runs a script by its digest, sending its text only when the server does not know it:
-- reply | nil, err. script: {text =}; the digest is kept in it.
function connection.run(red, script, key_count, ...)
  if not script.sha1 then
    script.sha1 = require("resty.string").to_hex(ngx.sha1_bin(script.text))
  end
  local reply, err = red:evalsha(script.sha1, key_count, ...)
  if not reply and err and err:find("NOSCRIPT", 1, true) then
    return red:eval(script.text, key_count, ...)
  end
  return reply, err
end


return connection
