-- A session: who logged in, since when, and how long that is still good. Kept in cookies of the client.
-- Times are seconds since the epoch. Used by the session plugin.
local cookie = require "kong.plugins.session.cookie"
local rand = require "resty.openssl.rand"
local to_hex = require("resty.string").to_hex

local kong = kong
local ngx = ngx
local floor = math.floor

local session = {}
session.__index = session

-- A session in use gets a new cookie once a minute, and when three quarters of its rolling time are over.
local TOUCH_S = 60
local ROLL_AT = 0.75


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
function session.open(conf)
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


function session:get_data()
  return self.state.data
end


function session:set_data(data)
  self.state.data = data
end


function session:set_subject(subject)
  self.state.subject = subject
end


local function write(self, now)
  local conf, state = self.conf, self.state
  if conf.storage == "kong" then
    return nil, "sessions cannot be stored without a database"
  end
  local value, err = cookie.seal(conf, conf.cookie_name, state)
  if not value then
    return nil, err
  end
  kong.response.add_header("Set-Cookie", cookie.header(conf, conf.cookie_name, value))
  if conf.remember then
    local lasting = { subject = state.subject, data = state.data, created_at = self.remembered_at or state.created_at,
                      rolled_at = now }
    value, err = cookie.seal(conf, conf.remember_cookie_name, lasting)
    if not value then
      return nil, err
    end
    kong.response.add_header("Set-Cookie", cookie.header(conf, conf.remember_cookie_name, value,
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
  kong.response.add_header("Set-Cookie", cookie.header(conf, conf.cookie_name, "", 0))
  if conf.remember and ngx.var["cookie_" .. conf.remember_cookie_name] then
    kong.response.add_header("Set-Cookie", cookie.header(conf, conf.remember_cookie_name, "", 0))
  end
  return true
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


local function value_of(self, what)
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
    local value = value_of(self, what)
    if value ~= nil then
      set(header_name(what), tostring(value))
    end
  end
end


function session:set_request_headers()
  each_header(self, self.conf.request_headers, kong.service.request.set_header)
end


function session:set_response_headers()
  each_header(self, self.conf.response_headers, kong.response.set_header)
end


function session:set_headers()
  self:set_request_headers()
  self:set_response_headers()
end


return session
