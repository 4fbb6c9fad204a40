-- require "pgmoon": a client of Postgres over cosockets, with the interface of the rock of that name. It is usable where cosockets are:
-- in init, header_filter, body_filter and log it raises what ngx.socket.tcp raises. A connection serves one query at a time.
-- Not there: sockets of LuaSocket and cqueues, SCRAM with channel binding.
local auth = require "pgmoon.auth"
local types = require "pgmoon.types"
local wire = require "pgmoon.wire"

local concat = table.concat
local find = string.find
local gsub = string.gsub
local int = wire.int
local match = string.match
local message = wire.message
local parse_data_row = types.parse_data_row
local receive = wire.receive
local select = select
local setmetatable = setmetatable
local short = wire.short
local tonumber = tonumber
local tostring = tostring
local type = type

local PROTOCOL, SSL_REQUEST = 196608, 80877103
local DEFAULTS = { application_name = "pgmoon", user = "postgres", host = "127.0.0.1", port = "5432", ssl = false }
local BUSY = "pgmoon: connection is busy"
local NULL_BYTE = "invalid null byte in query"

-- Fields that a connection inherits and may have of its own: NULL stands for null where convert_null is set and in parameters.
local pg = {
  convert_null = false,
  NULL = { "NULL" },
  PG_TYPES = types.names,
  type_serializers = types.serializers,
  type_deserializers = types.deserializers,
  default_config = DEFAULTS,
}
pg.__index = pg


--- opts: host port socket_path user password database application_name; ssl ssl_verify ssl_required, cafile (instead of
--- lua_ssl_trusted_certificate), cert and key (PEM, a path, or what ngx.ssl parsed); pool_name pool_size backlog; convert_null.
local function init(self, opts)
  opts = opts or {}
  local socket_type = opts.socket_type
  if socket_type ~= nil and socket_type ~= "nginx" then
    error("unknown socket type: " .. tostring(socket_type) .. " (there is only \"nginx\")", 3)
  end
  self.config = setmetatable({}, { __index = function(_, name)
    local value = opts[name]
    if value == nil then
      return DEFAULTS[name]
    end
    return value
  end })
  self.convert_null = opts.convert_null
  self.busy = false
  self.sock, self.sock_type = ngx.socket.tcp(), "nginx"
end


local Postgres = setmetatable({ __base = pg, __name = "Postgres", __init = init }, {
  __index = pg,
  __call = function(_, opts)
    local self = setmetatable({}, pg)
    init(self, opts)
    return self
  end,
})


local function occupy(self)
  if self.busy then
    error(BUSY, 3)
  end
  self.busy = true
end


local function leave(self, ...)
  self.busy = false
  return ...
end


-- Ends a connection of which nobody can tell what comes next.
local function give_up(self, err)
  self.sock:close()
  self.head, self.part = nil, nil
  return nil, err
end


-- PEM text of an option that is that text or a path; other values as they are.
local function pem_of(value)
  if type(value) ~= "string" or find(value, "-----BEGIN", 1, true) then
    return value
  end
  local file, err = io.open(value)
  if not file then
    return nil, err
  end
  local text = file:read("*a")
  file:close()
  return text
end


-- Parsed certificate and key of the options; nil, err.
local function client_cert(config)
  local ssl = require "ngx.ssl"
  local cert, err = pem_of(config.cert)
  if type(cert) == "string" then
    cert, err = ssl.parse_pem_cert(cert)
  end
  if not cert then
    return nil, err
  end
  local key
  key, err = pem_of(config.key)
  if type(key) == "string" then
    key, err = ssl.parse_pem_priv_key(key)
  end
  if not key then
    return nil, err
  end
  return cert, key
end


local function handshake(self)
  local config, sock = self.config, self.sock
  if config.cert and config.key then
    if not self.client_cert then
      local cert, key = client_cert(config)
      if not cert then
        return nil, key
      end
      self.client_cert, self.client_key = cert, key
    end
    local ok, err = sock:setclientcert(self.client_cert, self.client_key)
    if not ok then
      return nil, err
    end
  end
  if config.cafile and config.ssl_verify then
    local pem, err = pem_of(config.cafile)
    local ok = pem
    if pem then
      ok, err = sock:settrusted(pem)
    end
    if not ok then
      return nil, err
    end
  end
  return sock:sslhandshake(false, nil, config.ssl_verify)
end


-- Asks for TLS and begins it. Returns true, or nil, err.
local function start_ssl(self)
  local sock = self.sock
  local ok, err = sock:send(int(8) .. int(SSL_REQUEST))
  if not ok then
    return nil, err
  end
  local answer
  answer, err = sock:receive(1)
  if not answer then
    return nil, err
  elseif answer == "S" then
    return handshake(self)
  elseif answer == "E" or self.config.ssl_required then
    return nil, "the server does not support SSL connections"
  end
  return true
end


local function start_session(self)
  local config = self.config
  assert(config.user, "missing user for connect")
  assert(config.database, "missing database for connect")
  local ok, err
  if config.ssl then
    ok, err = start_ssl(self)
    if not ok then
      return nil, err
    end
  end
  local body = concat({ int(PROTOCOL), "user\0", config.user, "\0database\0", config.database, "\0application_name\0",
    config.application_name, "\0\0" })
  ok, err = self.sock:send(int(#body + 4) .. body)
  if not ok then
    return nil, err
  end
  ok, err = auth.run(self)
  if not ok then
    return nil, err
  end
  repeat
    local kind, answer = receive(self)
    if not kind then
      return nil, answer
    elseif kind == "E" then
      return nil, (wire.parse_error(answer))
    end
  until kind == "Z"
  return true
end


local function pool_name(config)
  return config.pool_name or config.pool
    or concat({ config.socket_path or config.host, config.port, tostring(config.database), config.user, config.ssl and "ssl" or nil }, ":")
end


-- Opens a connection or takes one from the pool. Returns true, or nil, err.
local function connect(self)
  local config, sock = self.config, self.sock
  local opts = { pool = pool_name(config), pool_size = config.pool_size, backlog = config.backlog }
  local ok, err
  if config.socket_path then
    ok, err = sock:connect("unix:" .. config.socket_path, opts)
  else
    ok, err = sock:connect(config.host, config.port, opts)
  end
  if not ok then
    return nil, err
  end
  self.head, self.part = nil, nil
  if sock:getreusedtimes() > 0 then
    return true
  end
  ok, err = start_session(self)
  if not ok then
    return give_up(self, err)
  end
  return true
end


--- Connects with the options of new, or takes a connection of the pool. Returns true, or nil, err.
function pg:connect()
  occupy(self)
  return leave(self, connect(self))
end


--- Milliseconds for each operation from now on.
function pg:settimeout(ms)
  return self.sock:settimeout(ms)
end


--- Says goodbye and closes. connect can be called again. Returns 1, or nil, err.
function pg:disconnect()
  occupy(self)
  self.sock:send(message("X", ""))
  return leave(self, self.sock:close())
end


--- Puts the connection into the pool; takes what setkeepalive of a socket takes. Returns 1, or nil, err.
function pg:keepalive(...)
  occupy(self)
  if self.head or self.part then
    return leave(self, give_up(self, "connection in dubious state"))
  end
  return leave(self, self.sock:setkeepalive(...))
end


-- The result of one command: rows, { affected_rows }, or true.
local function result_of(state, tag)
  local rows, affected = state.rows, tonumber(match(tag, "(%d+)%z$"))
  if rows then
    if rows[1] and affected and match(tag, "^%w+") ~= "SELECT" then
      rows.affected_rows = affected
    end
    return rows
  end
  return affected and { affected_rows = affected } or true
end


local function append(list, value)
  list = list or {}
  list[#list + 1] = value
  return list
end


-- What the messages of the server do to the answer of a query: function(self, state, body). Others have nothing to say.
local ON = {
  T = function(self, state, body)
    state.fields, state.rows = types.parse_row_desc(self, body), {}
  end,
  D = function(self, state, body)
    local rows = state.rows
    rows[#rows + 1] = parse_data_row(self, body, state.fields)
  end,
  C = function(_, state, body)
    local result = result_of(state, body)
    state.count, state.fields, state.rows = state.count + 1, nil, nil
    if state.count == 1 then
      state.result = result
    elseif state.count == 2 then
      state.result = { state.result, result }
    else
      append(state.result, result)
    end
  end,
  E = function(_, state, body)
    state.err = wire.parse_error(body)
  end,
  N = function(_, state, body)
    state.notices = append(state.notices, (wire.parse_error(body)))
  end,
  A = function(_, state, body)
    state.notifications = append(state.notifications, wire.parse_notification(body))
  end,
  -- The server waits for rows of COPY ... FROM STDIN.
  G = function(self)
    self.sock:send(message("f", "COPY FROM STDIN is not possible here\0"))
  end,
}


-- Sends and takes the answer up to ReadyForQuery.
local function run(self, request)
  local ok, err = self.sock:send(request)
  if not ok then
    return give_up(self, err)
  end
  local state = { count = 0 }
  while true do
    local kind, body = receive(self)
    if not kind then
      -- A server that ends a session says why before it closes.
      return give_up(self, state.err or body)
    elseif kind == "Z" then
      break
    elseif ON[kind] then
      ON[kind](self, state, body)
    end
  end
  if state.err then
    return nil, state.err, state.result, state.count, state.notifications, state.notices
  end
  return state.result, state.count, state.notifications, state.notices
end


--- Runs one or more queries separated by ";", or with parameters for $1, $2, ... exactly one.
--- Returns result, number of queries, notifications, notices; or nil, err, results of the queries before, their number, and the others.
--- A result: rows (column -> value) with affected_rows where rows changed, { affected_rows }, or true; a list of those for several queries.
function pg:query(text, ...)
  if select("#", ...) > 0 then
    return self:extended_query(text, ...)
  end
  return self:simple_query(text)
end


--- query without parameters.
function pg:simple_query(text)
  if find(text, "\0", 1, true) then
    return nil, NULL_BYTE
  end
  occupy(self)
  return leave(self, run(self, message("Q", text .. "\0")))
end


--- query with parameters: strings, numbers, booleans, nil or NULL, and tables with pgmoon_serialize in their metatable.
function pg:extended_query(text, ...)
  if find(text, "\0", 1, true) then
    return nil, NULL_BYTE
  end
  local count = select("#", ...)
  local parse, bind = { "\0", text, "\0", short(count) }, { "\0\0", short(0), short(count) }
  for i = 1, count do
    local oid, value = types.serialize(self, i, (select(i, ...)))
    if not oid then
      return nil, value
    end
    append(parse, int(oid))
    append(bind, int(value and #value or -1))
    append(bind, value)
  end
  append(bind, short(0))
  occupy(self)
  return leave(self, run(self, concat({
    message("P", parse), message("B", bind), message("D", "P\0"), message("E", "\0" .. int(0)), message("C", "P\0"), message("S", ""),
  })))
end


--- Waits for a NOTIFY on a channel that LISTEN named: { operation, pid, channel, payload }; nil, err. After a timeout the connection
--- is as good as before.
function pg:wait_for_notification()
  occupy(self)
  while true do
    local kind, body = receive(self)
    if not kind then
      return leave(self, nil, body)
    elseif kind == "A" then
      return leave(self, wire.parse_notification(body))
    elseif kind == "E" then
      return leave(self, give_up(self, (wire.parse_error(body))))
    end
  end
end


--- From now on values of the type with this oid are decoded by the deserializer of that name; with a function(self, text, name) it is
--- defined for this connection.
function pg:set_type_deserializer(oid, name, deserializer)
  local function own(field)
    if not rawget(self, field) then
      local copy = {}
      for key, value in pairs(self[field]) do
        copy[key] = value
      end
      self[field] = copy
    end
    return self[field]
  end
  own("PG_TYPES")[assert(tonumber(oid))] = name
  if deserializer then
    own("type_deserializers")[name] = deserializer
  end
end


pg.set_type_oid = pg.set_type_deserializer


--- Makes hstore columns tables; asks the server for the type's oid.
function pg:setup_hstore()
  local rows = assert(self:query("SELECT oid FROM pg_type WHERE typname = 'hstore'"))
  self:set_type_deserializer(assert(rows[1], "hstore oid not found").oid, "hstore")
end


--- The value as SQL: numbers, strings, booleans and NULL. Others raise.
function pg:escape_literal(value)
  local kind = type(value)
  if kind == "string" then
    return "'" .. gsub(value, "'", "''") .. "'"
  elseif kind == "number" then
    return types.number_text(value)
  elseif kind == "boolean" then
    return value and "TRUE" or "FALSE"
  elseif value ~= nil and value == (self or pg).NULL or value == ngx.null then
    return "NULL"
  end
  error("don't know how to escape value: " .. tostring(value), 2)
end


--- The name of a table, column, ... as SQL.
function pg:escape_identifier(name)
  return '"' .. gsub(tostring(name), '"', '""') .. '"'
end


function pg:encode_bytea(text)
  return types.encode_bytea(text)
end


function pg:decode_bytea(text)
  return types.decode_bytea(text)
end


--- Text and fields of the body of an error message.
function pg:parse_error(body)
  return wire.parse_error(body)
end


function pg:__tostring()
  return "<Postgres socket: " .. tostring(self.sock) .. ">"
end


return { VERSION = "1.16.0", new = Postgres, Postgres = Postgres, NULL = pg.NULL }
