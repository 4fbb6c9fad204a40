-- kong.db of a DB-less gateway: entity schemas, the DAO of each entity and the current snapshot of rows.
-- Used by everything in kong.* and by plugins (kong.db.consumers:select ...). Must never read a file or the network.
local DAO = require "kong.db.dao"
local constants = require "kong.constants"
local entities = require "kong.db.entities"
local errors = require "kong.db.errors"
local plugins = require "kong.db.plugins"
local store = require "kong.db.store"

local ipairs = ipairs
local pcall = pcall
local rawget = rawget
local setmetatable = setmetatable
local type = type

local db = {}


local db_mt = {
  __index = function(self, name)
    return db[name] or rawget(self, "daos")[name]
  end,
}


local function custom_methods(schema)
  if not schema.dao then
    return nil
  end
  local ok, module = plugins.load_if_exists(schema.dao)
  if ok and type(module) == "table" then
    return module
  end
end


-- A connector has nothing to connect to here; plugins that ask for one learn that.
local connector = {
  database = "off",
  timestamp = 0,
}


function connector.connect()
  return true
end


connector.setkeepalive = connector.connect
connector.close = connector.connect


function connector.query()
  return nil, "cannot perform queries without a database"
end


function connector.infos()
  return { strategy = "off", db_name = "memory", db_desc = "in-memory" }
end


-- conf: of kong.conf; read are database, prefix and lua_package_path only. kong.db, or nil, err.
function db.new(conf)
  local strategy = conf and conf.database or "off"
  local writer, err
  if strategy == "lmdb" then
    writer, err = require("kong.db.strategies.lmdb").open(conf)
    if not writer then
      return nil, err
    end
  end
  local self = setmetatable({
    strategy = strategy,
    connector = connector,
    errors = errors.new(strategy),
    entities = entities.new(),
    daos = {},
    strategies = {},
    infos = writer and writer.infos() or connector.infos(),
    writer = writer,
  }, db_mt)
  for _, info in ipairs(self.entities:sorted()) do
    self.daos[info.name] = DAO.new(self, info, custom_methods(info.schema))
  end
  self.store = store.new(self.entities, {}, constants.DECLARATIVE_EMPTY_CONFIG_HASH)
  db.current = self
  return self
end


-- Entities of plugins join the core ones.
function db:add_entity(schema)
  self.entities:add(schema)
  local info = self.entities:get(schema.name)
  self.daos[schema.name] = DAO.new(self, info, custom_methods(schema))
  self.store = store.new(self.entities, {}, self.store.hash)
end


function db:init_connector()
  return self ~= nil
end


db.connect = db.init_connector
db.setkeepalive = db.init_connector
db.close = db.init_connector


-- Runs fn when no other worker is running one under the same key; opts.ttl in seconds. true | nil, error.
function db:cluster_mutex(key, opts, fn)
  if type(key) ~= "string" then
    error("key must be a string", 2)
  end
  if type(fn) ~= "function" then
    error("cb must be a function", 2)
  end
  local dict = ngx.shared.kong_locks
  local name = "cluster_mutex:" .. key
  if dict and not dict:add(name, true, opts and opts.ttl or 60) then
    return false
  end
  local ok, err = pcall(fn)
  if dict then
    dict:delete(name)
  end
  if not ok then
    return nil, "cluster_mutex callback threw an error: " .. tostring(err)
  end
  return self ~= nil
end


-- Replaces every row at once; lists: entity name -> array of rows.
function db:swap(lists, hash, meta)
  self.store = store.new(self.entities, lists, hash, meta)
  return self.store
end


return db
