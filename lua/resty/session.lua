-- require "resty.session": who logged in, since when, and how long that is still good, by the interface of
-- lua-resty-session 4. Kept in encrypted cookies of the client; other storages are not offered. Times are seconds.
-- Used by the session plugin and by plugins that bring sessions of their own.
local cookie = require "resty.session.cookie"
local rand = require "resty.openssl.rand"
local to_hex = require("resty.string").to_hex

local ngx = ngx
local find = string.find
local floor = math.floor
local match = string.match
local sub = string.sub
local tonumber = tonumber
local type = type

local session = { _VERSION = "4.0.5" }
-- Methods of the sessions.
local Session = {}
Session.__index = Session

-- A session in use gets a new cookie once a minute, and when three quarters of its rolling time are over.
local TOUCH_S = 60
local ROLL_AT = 0.75

local SECRET_KEY = "resty.session:secret"
local own_secret

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


-- A random secret that all workers share, for sessions without one: their cookies end with the gateway.
local function common_secret()
  local dict = ngx.shared.kong
  if not dict then
    return rand.bytes(32)
  end
  dict:add(SECRET_KEY, rand.bytes(32))
  return dict:get(SECRET_KEY) or rand.bytes(32)
end


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
    own_secret = own_secret or common_secret()
    conf.secret = own_secret
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
  return setmetatable({ conf = conf, state = { id = to_hex(rand.bytes(16)), data = {} } }, Session)
end


-- Seconds until a limit that counts from `since`; nil for no limit.
local function left(since, limit, now)
  return limit and limit > 0 and since + limit - now or nil
end


function Session:timeouts(now)
  local conf, state = self.conf, self.state
  return left(state.used_at, conf.idling_timeout, now), left(state.rolled_at, conf.rolling_timeout, now),
         left(state.created_at, conf.absolute_timeout, now)
end


local function is_over(self, now)
  local idling, rolling, absolute = self:timeouts(now)
  return idling and idling <= 0 or rolling and rolling <= 0 or absolute and absolute <= 0
end


local function of_request(name)
  local value = ngx.var["cookie_" .. name]
  return value ~= "" and value or nil
end


-- Into how many cookies the client's session is cut.
local function pieces_of(name)
  local value = of_request(name)
  return value and tonumber(match(value, "^(%d)%.")) or 1
end


local function read(conf, name)
  local value = of_request(name)
  if not value then
    return nil, "missing session cookie"
  end
  local n = pieces_of(name)
  value = match(value, "^%d%.(.*)$") or value
  for i = 2, n do
    local more = of_request(name .. i)
    if not more then
      return nil, "missing session cookie"
    end
    value = value .. more
  end
  return cookie.open(conf, name, value)
end


-- One Set-Cookie of a name: a later one takes the place of an earlier one.
local function set_cookie(conf, name, value, max_age)
  local line = cookie.header(conf, name, value, max_age)
  local lines = ngx.header["Set-Cookie"]
  if not lines then
    ngx.header["Set-Cookie"] = line
    return
  end
  local kept = {}
  for _, other in ipairs(type(lines) == "table" and lines or { lines }) do
    if find(other, name .. "=", 1, true) ~= 1 then
      kept[#kept + 1] = other
    end
  end
  kept[#kept + 1] = line
  ngx.header["Set-Cookie"] = kept
end


local function drop(conf, name, from)
  for i = from, pieces_of(name) do
    set_cookie(conf, i == 1 and name or name .. i, "", 0)
  end
end


-- Cookies hold no more than some bytes each: a longer value goes over name, name2, ... with their number in front.
local function set_cookies(conf, name, value, max_age)
  local n = math.ceil(#value / cookie.PIECE)
  if n > cookie.MAX_PIECES then
    return nil, "the session does not fit into cookies"
  end
  for i = 1, n do
    local piece = sub(value, (i - 1) * cookie.PIECE + 1, i * cookie.PIECE)
    if i == 1 and n > 1 then
      piece = n .. "." .. piece
    end
    set_cookie(conf, i == 1 and name or name .. i, piece, max_age)
  end
  drop(conf, name, n + 1)
  return true
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
  self.state.subject, self.state.data = state.subject, state.data or {}
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
    state.data = state.data or {}
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
function session.logout(options)
  local self, err, is_there = session.open(options)
  if not is_there then
    return nil, err
  end
  return self:logout()
end


session.destroy = session.logout


-- Reads the client's session into this one: true | nil, err.
function Session:open()
  local opened, err, is_there = session.open(self.conf)
  self.state = opened.state
  return is_there or nil, err
end


-- The live table of the session's values.


function Session:get_data()
  return self.state.data
end


-- One value of the data.
function Session:get(key)
  return self.state.data[key]
end


function Session:set(key, value)
  self.state.data[key] = value
end


function Session:get_subject()
  return self.state.subject
end


function Session:get_audience()
  return self.conf.audience
end


function Session:set_data(data)
  self.state.data = data or {}
end


-- Sessions of one audience are not read by another.
function Session:set_audience(audience)
  self.conf = setmetatable({ audience = audience }, { __index = self.conf })
end


function Session:get_remember()
  return self.conf.remember == true
end


function Session:set_remember(value)
  self.conf = setmetatable({ remember = value == true }, { __index = self.conf })
end


function Session:set_subject(subject)
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
  local ok
  ok, err = set_cookies(conf, conf.cookie_name, value)
  if not ok then
    return nil, err
  end
  if conf.remember then
    local lasting = { subject = state.subject, data = state.data, created_at = self.remembered_at or state.created_at,
                      rolled_at = now }
    value, err = cookie.seal(conf, conf.remember_cookie_name, lasting)
    if not value then
      return nil, err
    end
    return set_cookies(conf, conf.remember_cookie_name, value, floor(conf.remember_rolling_timeout))
  end
  return true
end


-- Sends the session to the client: true | nil, err.
function Session:save()
  local now = ngx.time()
  local state = self.state
  state.created_at = state.created_at or now
  state.rolled_at, state.used_at = now, now
  return write(self, now)
end


-- Renews the cookie when it is time to.
function Session:refresh()
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
function Session:logout()
  local conf = self.conf
  drop(conf, conf.cookie_name, 2)
  set_cookie(conf, conf.cookie_name, "", 0)
  if conf.remember and of_request(conf.remember_cookie_name) then
    drop(conf, conf.remember_cookie_name, 1)
  end
  return true
end


Session.destroy = Session.logout


function Session:close()
  self.is_closed = true
  return true
end


-- Notes that the session is in use.
function Session:touch()
  local now = ngx.time()
  self.state.used_at = now
  return write(self, now)
end


-- The upstream does not see the session's cookies.
function Session:clear_request_cookie()
  local text = ngx.var.http_cookie
  if not text or text == "" then
    return
  end
  local names = { [self.conf.cookie_name] = true, [self.conf.remember_cookie_name] = true }
  local kept = {}
  for pair in text:gmatch("[^;]+") do
    local name = match(pair, "^%s*([^=]-)%s*=")
    if not name or not (names[name] or names[match(name, "^(.-)%d?$")]) then
      kept[#kept + 1] = match(pair, "^%s*(.-)%s*$")
    end
  end
  if #kept == 0 then
    ngx.req.clear_header("Cookie")
  else
    ngx.req.set_header("Cookie", table.concat(kept, "; "))
  end
end


-- "id", "subject", "timeout", ...
function Session:get_property(name)
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


function Session:value_of(what)
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


function Session:set_request_headers()
  each_header(self, self.conf.request_headers, ngx.req.set_header)
end


function Session:set_response_headers()
  each_header(self, self.conf.response_headers, function(name, value)
    ngx.header[name] = value
  end)
end


function Session:set_headers()
  self:set_request_headers()
  self:set_response_headers()
end


return session
