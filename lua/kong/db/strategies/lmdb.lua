-- The embedded database of a control plane (database = lmdb): rows in an LMDB environment under the prefix, kept in memory as
-- the snapshot that kong.db.store reads. A commit is on disk before it is visible; what is visible after a crash is what was committed.
-- One worker writes (the control plane has one). Keys: "meta:*", "row:<entity>:<id>" with the row as JSON.
local cjson = require "cjson.safe"
local constants = require "kong.constants"
local posix = require "kgw.posix"
local semaphore = require "ngx.semaphore"
local store_module = require "kong.db.store"
local uuids = require "kong.db.schema.ids"
local writes = require "kong.db.dao.writes"

local ipairs = ipairs
local pairs = pairs

local FOLDER = "/control_plane.lmdb"
local LOCK_S = 30
local FORMAT = "1"

local lmdb = {}
lmdb.__index = lmdb


-- folder: made when absent. A writer for kong.db (db.writer), or nil, err.
function lmdb.open(conf)
  local folder = conf.prefix .. FOLDER
  posix.mkdirs(folder)
  local store = require "ngx.store"
  if posix.exists(folder .. "/data.mdb") and not store.probe(folder) then
    return nil, "the database in " .. folder .. " is damaged: restore data.mdb from a copy, or move it away to begin with an empty one"
  end
  return setmetatable({ folder = folder, listeners = {} }, lmdb)
end


local function read_rows(handle, entities)
  local lists = {}
  for key, json in handle:each("row:") do
    local entity = key:match("^row:([^:]+):")
    local row = cjson.decode(json)
    if not row then
      return nil, "the row " .. key .. " cannot be read"
    end
    if entities:get(entity) then
      lists[entity] = lists[entity] or {}
      lists[entity][#lists[entity] + 1] = row
    end
  end
  return lists
end


-- What every new database holds: the default workspace and the cluster's id.
local function first_rows(entities)
  local now = ngx.time()
  local workspace = { id = uuids.random(), name = "default", config = {}, meta = {}, created_at = now, updated_at = now }
  local parameter = { key = "cluster_id", value = uuids.random(), created_at = now }
  return {
    { info = entities:get("workspaces"), row = workspace, is_new = true },
    { info = entities:get("parameters"), row = parameter, is_new = true },
  }
end


local function open_handle(self, read_only)
  return require("ngx.store").open(self.folder, { read_only = read_only })
end


-- In the master, before the fork: all rows into db.store. true, or nil, err.
function lmdb:load(db)
  local handle, err = open_handle(self, false)
  if not handle then
    return nil, "cannot open the database in " .. self.folder .. ": " .. err
  end
  local lists
  lists, err = read_rows(handle, db.entities)
  if lists and not (lists.workspaces and lists.workspaces[1]) then
    local changes = self.encode(first_rows(db.entities))
    changes[#changes + 1] = { "meta:format", FORMAT }
    local ok
    ok, err = handle:commit(changes, true)
    lists = ok and read_rows(handle, db.entities)
  end
  handle:close()
  if not lists then
    return nil, err
  end
  db.store = store_module.new(db.entities, lists, constants.DECLARATIVE_EMPTY_CONFIG_HASH)
  for _, row in ipairs(lists.workspaces) do
    if row.name == "default" then
      db.workspace_id = row.id
    end
  end
  self.db = db
  return true
end


-- In the worker that writes.
function lmdb:start()
  self.gate = semaphore.new(1)
  local err
  self.handle, err = open_handle(self, false)
  return self.handle ~= nil, err
end


function lmdb:lock()
  local ok, err = self.gate:wait(LOCK_S)
  return ok, not ok and ("the database is busy: " .. tostring(err)) or nil
end


function lmdb:unlock()
  self.gate:post(1)
end


-- Changes as key and value pairs for the store.
function lmdb.encode(changes)
  local pairs_list = {}
  for i, change in ipairs(changes) do
    local key = writes.key_of(change.info.name, change.row[change.info.schema.primary_key[1]])
    pairs_list[i] = { key, not change.is_deletion and writes.encode(change.row) or nil }
  end
  return pairs_list
end


-- changes: array of {info, row, is_new | is_deletion}. On disk first, then visible, then told. true, or nil, err.
function lmdb:commit(changes)
  local ok, err = self.handle:commit(self.encode(changes))
  if not ok then
    return nil, err
  end
  local db = self.db
  db.store = store_module.derive(db.store, db.entities, changes)
  for _, listener in ipairs(self.listeners) do
    listener(changes)
  end
  return true
end


-- listener(changes) after every commit; must not wait.
function lmdb:on_change(listener)
  self.listeners[#self.listeners + 1] = listener
end


function lmdb.infos()
  return { strategy = "lmdb", db_name = "control_plane.lmdb", db_desc = "database", db_ver = "LMDB" }
end


-- For tests and tools: how many rows of each entity.
function lmdb:counts()
  local counts = {}
  for name, info in pairs(self.db.entities.by_name) do
    counts[name] = #self.db.store[info.name].list
  end
  return counts
end


return lmdb
