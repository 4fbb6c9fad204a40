-- require "resty.lmdb.transaction": reads and writes that are done together. What a transaction reads is one state of the store (with
-- its own writes); what it writes is written as a whole or not at all.
local environment = require "resty.lmdb.environment"

local assert = assert
local ngx = ngx
local setmetatable = setmetatable
local tostring = tostring
local type = type

local DEFAULT_DB, NOT_FOUND = environment.DEFAULT_DB, environment.NOT_FOUND
local MAY_WAIT = { rewrite = true, access = true, content = true, timer = true }

local transaction = { DEFAULT_DB = DEFAULT_DB }

local methods = {}
local mt = { __index = methods }


-- An empty transaction.
function transaction.begin()
  return setmetatable({ n = 0, write = false }, mt)
end


-- Empties it for another use.
function methods:reset()
  for i = 1, self.n do
    self[i] = nil
  end
  self.n, self.write = 0, false
end


local function append(self, opcode, db, key, value)
  self.n = self.n + 1
  self[self.n] = { opcode = opcode, db = db or DEFAULT_DB, key = key, value = value }
  self.write = self.write or opcode ~= "GET"
end


-- After commit, the field `result` (and `value`) of the operation: the value, nil when there is none.
function methods:get(key, db)
  append(self, "GET", db, key)
end


-- Value nil: the key is removed. The database is made when there is none.
function methods:set(key, value, db)
  append(self, "SET", db, key, value)
end


-- create: makes it when there is none; otherwise that is an error.
function methods:db_open(create, db)
  assert(type(create) == "boolean")
  append(self, "DB_OPEN", db)
  self[self.n].create = create
end


-- Removes all keys, with `delete` the database as well.
function methods:db_drop(delete, db)
  assert(type(delete) == "boolean")
  append(self, "DB_DROP", db)
  self[self.n].delete = delete
end


-- run: {store, changes, pending}: pending has what the transaction has written so far by key, false for what it removed.
local function read(run, key)
  local value = run.pending[key]
  if value ~= nil then
    return value or nil
  end
  local err
  value, err = run.store:get(key)
  return value, err
end


local function write(run, key, value)
  run.changes[#run.changes + 1] = { key, value }
  if value == nil then
    value = false
  end
  run.pending[key] = value
end


-- Whether there is such a database; with `create` it is made. True | nil, err.
local function open_db(run, db, create)
  local marker = environment.marker(db)
  if not marker then
    return true
  end
  local found, err = read(run, marker)
  if found or err then
    return found and true, err
  elseif not create then
    return nil, NOT_FOUND
  end
  write(run, marker, "")
  return true
end


local function remove_range(run, range)
  for key, value in pairs(run.pending) do
    if value and key:sub(1, #range) == range then
      write(run, key, nil)
    end
  end
  for key in run.store:each(range) do
    write(run, key, nil)
  end
end


local operations = {}


function operations.GET(run, op)
  local ok, err = open_db(run, op.db, false)
  if not ok then
    return nil, "unable to open DB for GET '" .. op.key .. "': " .. err
  end
  local key
  key, err = environment.key(op.key, op.db)
  if not key then
    return nil, err
  end
  op.result, err = read(run, key)
  op.value = op.result
  return err == nil, err
end


function operations.SET(run, op)
  local ok, err = open_db(run, op.db, true)
  if not ok then
    return nil, "unable to open DB for SET '" .. op.key .. "': " .. err
  end
  local key
  key, err = environment.key(op.key, op.db)
  if not key then
    return nil, err
  end
  if op.value == nil and read(run, key) == nil then
    return nil, NOT_FOUND
  end
  write(run, key, op.value ~= nil and tostring(op.value) or nil)
  op.result = true
  return true
end


function operations.DB_OPEN(run, op)
  local ok, err = open_db(run, op.db, op.create)
  op.result = ok
  return ok, err
end


function operations.DB_DROP(run, op)
  local ok, err = open_db(run, op.db, false)
  if not ok then
    return nil, "unable to open DB for DROP: " .. err
  end
  remove_range(run, environment.range(op.db))
  local marker = environment.marker(op.db)
  if marker and op.delete then
    write(run, marker, nil)
  end
  op.result = true
  return true
end


local function run_all(run, self)
  for i = 1, self.n do
    local ok, err = operations[self[i].opcode](run, self[i])
    if not ok then
      return nil, err
    end
  end
  return true
end


-- True, or nil, err when nothing was done. Waits for the disk where the phase may wait, elsewhere keeps the worker until it is written.
function methods:commit()
  local store, err = environment.open()
  if not store then
    local op = self[1]
    if not op then
      return nil, err
    end
    local what = op.opcode == "DB_DROP" and "DROP" or op.key and op.opcode .. " '" .. op.key .. "'"
    return nil, (what and "unable to open DB for " .. what .. ": " or "") .. err
  end
  local run = { store = store, changes = {}, pending = {} }
  local ok
  ok, err = store:snapshot(run_all, run, self)
  if not ok then
    return nil, err
  end
  if run.changes[1] then
    return store:commit(run.changes, not MAY_WAIT[ngx.get_phase()])
  end
  return true
end


return transaction
