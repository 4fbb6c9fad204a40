-- require "resty.session": who logged in, since when, and how long that is still good, by the interface of
-- lua-resty-session 4. Kept in encrypted cookies of the client; other storages are not offered. Times are seconds.
-- Used by the session plugin and by plugins that bring sessions of their own.
local cookie = require "resty.session.cookie"
local rand = require "resty.openssl.rand"
local to_hex = require("resty.string").to_hex

local add_header = require("ngx.resp").add_header
local ngx = ngx
local floor = math.floor

local session = {}
session.__index = session

-- A session in use gets a new cookie once a minute, and when three quarters of its rolling time are over.
local TOUCH_S = 60
local ROLL_AT = 0.75

local DEFAULTS = {
  audience = "default",
  cookie_name = "session",
  cookie_path = "/",
  cookie_same_site = "Lax",
  cookie_http_only = true,
  idling_timeout = 900,
  rolling_timeout = 3600,
  absolute_timeout = 86400,
  remember_cookie_name = "remember",
  remember_rolling_timeout = 604800,
  remember_absolute_timeout = 2592000,
}

-- What session.init changed; each set of options to itself with the defaults filled in.
local globals = {}
local completed = setmetatable({}, { __mode = "k" })


local function complete(options)
  options = options or globals
  local conf = completed[options]
  if conf then
    return conf
  end
  conf = {}
  for name, value in pairs(DEFAULTS) do
    conf[name] = value
  end
  for name, value in pairs(globals) do
    conf[name] = value
  end
  for name, value in pairs(options) do
    conf[name] = value
  end
  if not conf.secret then
    -- As good as none: cookies end with the worker that made them.
    conf.secret = rand.bytes(32)
  end
  completed[options] = conf
  return conf
end


-- Defaults for all sessions of this worker.
function session.init(options)
  globals = options or {}
  completed = setmetatable({}, { __mode = "k" })
end


-- Fields of state: id, subject, data, created_at (login), rolled_at (cookie), used_at.
local function new(conf)
  return setmetatable({ conf = conf, state = { id = to_hex(rand.bytes(16)) } }, session)
end


-- Seconds until a limit that counts from `since`; nil for no limit.
local function left(since, limit, now)
  return limit and limit > 0 and since + limit - now or nil
end


function session:timeouts(now)
  local conf, state = self.conf, self.state
  return left(state.used_at, conf.idling_timeout, now), left(state.rolled_at, conf.rolling_timeout, now),
         left(state.created_at, conf.absolute_timeout, now)
end


local function is_over(self, now)
  local idling, rolling, absolute = self:timeouts(now)
  return idling and idling <= 0 or rolling and rolling <= 0 or absolute and absolute <= 0
end


local function read(conf, name)
  local value = ngx.var["cookie_" .. name]
  if not value or value == "" then
    return nil, "missing session cookie"
  end
  return cookie.open(conf, name, value)
end


-- A lasting cookie starts a new session for the same client.
local function from_remember(conf, now)
  local state, err = read(conf, conf.remember_cookie_name)
  if not state then
    return nil, err
  end
  local rolling = left(state.rolled_at, conf.remember_rolling_timeout, now)
  local absolute = left(state.created_at, conf.remember_absolute_timeout, now)
  if rolling and rolling <= 0 or absolute and absolute <= 0 then
    return nil, "session is over"
  end
  local self = new(conf)
  self.state.subject, self.state.data = state.subject, state.data
  self.state.created_at, self.remembered_at = now, state.created_at
  return self
end


-- session, err, is_there: always a session, which may be saved; err says why there was none.
function session.open(options)
  local conf = complete(options)
  local now = ngx.time()
  local self = new(conf)
  local state, err = read(conf, conf.cookie_name)
  if state then
    self.state = state
    if not is_over(self, now) then
      return self, nil, true
    end
    self, err = new(conf), "session is over"
  end
  if conf.remember then
    local remembered = from_remember(conf, now)
    if remembered then
      remembered:save()
      return remembered, nil, true
    end
  end
  return self, err, false
end


-- A session that the client does not have yet.
function session.new(options)
  return new(complete(options))
end


-- session, err, is_there, was_refreshed: opened and renewed, or begun.
function session.start(options)
  local self, err, is_there = session.open(options)
  if not is_there then
    local ok, save_err = self:save()
    return self, save_err or err, false, ok == true
  end
  local ok, refresh_err = self:refresh()
  return self, refresh_err, true, ok == true
end


-- Opens the session and makes the client forget it: true | nil, err.
function session.logout_client(options)
  local self, err, is_there = session.open(options)
  if not is_there then
    return nil, err
  end
  return self:logout()
end


function session:get_data()
  return self.state.data
end


-- One value of the data.
function session:get(key)
  local data = self.state.data
  return data and data[key]
end


function session:set(key, value)
  local state = self.state
  state.data = state.data or {}
  state.data[key] = value
end


function session:get_subject()
  return self.state.subject
end


function session:get_audience()
  return self.conf.audience
end


function session:set_data(data)
  self.state.data = data
end


function session:set_subject(subject)
  self.state.subject = subject
end


local function write(self, now)
  local conf, state = self.conf, self.state
  if conf.storage and conf.storage ~= "cookie" then
    return nil, "sessions cannot be stored without a database"
  end
  local value, err = cookie.seal(conf, conf.cookie_name, state)
  if not value then
    return nil, err
  end
  add_header("Set-Cookie", cookie.header(conf, conf.cookie_name, value))
  if conf.remember then
    local lasting = { subject = state.subject, data = state.data, created_at = self.remembered_at or state.created_at,
                      rolled_at = now }
    value, err = cookie.seal(conf, conf.remember_cookie_name, lasting)
    if not value then
      return nil, err
    end
    add_header("Set-Cookie", cookie.header(conf, conf.remember_cookie_name, value,
                                                         floor(conf.remember_rolling_timeout)))
  end
  return true
end


-- Sends the session to the client: true | nil, err.
function session:save()
  local now = ngx.time()
  local state = self.state
  state.created_at = state.created_at or now
  state.rolled_at, state.used_at = now, now
  return write(self, now)
end


-- Renews the cookie when it is time to.
function session:refresh()
  local now = ngx.time()
  local conf, state = self.conf, self.state
  if conf.rolling_timeout and conf.rolling_timeout > 0
     and now - state.rolled_at >= conf.rolling_timeout * ROLL_AT then
    return self:save()
  end
  if conf.idling_timeout and conf.idling_timeout > 0 and now - state.used_at >= TOUCH_S then
    state.used_at = now
    return write(self, now)
  end
  return true
end


-- Makes the client forget its cookies.
function session:logout()
  local conf = self.conf
  add_header("Set-Cookie", cookie.header(conf, conf.cookie_name, "", 0))
  if conf.remember and ngx.var["cookie_" .. conf.remember_cookie_name] then
    add_header("Set-Cookie", cookie.header(conf, conf.remember_cookie_name, "", 0))
  end
  return true
end


session.destroy = session.logout
session.close = function()
  return true
end


-- "id", "subject", "timeout", ...
function session:get_property(name)
  return self:value_of(name)
end


local function smallest(a, b, c)
  local least = a
  if b and (not least or b < least) then
    least = b
  end
  if c and (not least or c < least) then
    least = c
  end
  return least
end


function session:value_of(what)
  local idling, rolling, absolute = self:timeouts(ngx.time())
  if what == "id" then
    return self.state.id
  elseif what == "audience" then
    return self.conf.audience
  elseif what == "subject" then
    return self.state.subject
  elseif what == "timeout" then
    return smallest(idling, rolling, absolute)
  elseif what == "idling-timeout" then
    return idling
  elseif what == "rolling-timeout" then
    return rolling
  end
  return absolute
end


local function header_name(what)
  return "Session-" .. what:gsub("^%l", string.upper):gsub("%-%l", string.upper)
end


local function each_header(self, names, set)
  for _, what in ipairs(names or {}) do
    local value = self:value_of(what)
    if value ~= nil then
      set(header_name(what), tostring(value))
    end
  end
end


function session:set_request_headers()
  each_header(self, self.conf.request_headers, ngx.req.set_header)
end


function session:set_response_headers()
  each_header(self, self.conf.response_headers, function(name, value)
    ngx.header[name] = value
  end)
end


function session:set_headers()
  self:set_request_headers()
  self:set_response_headers()
end


return session
