-- resty.lmdb.environment: the store of plugins, <prefix>/plugins.lmdb, which a worker opens when a plugin first uses it. The gateway's
-- own stores are in folders of their own. Databases are ranges of its keys: "\1" KEY of the default one, "\2" NAME "\0" KEY of others,
-- and "\0" NAME says that there is such a database.
local digest = require "resty.sha256"
local posix = require "kgw.posix"
local store = require "ngx.store"

local error = error
local ngx = ngx
local type = type

local environment = { DEFAULT_DB = "_default", NOT_FOUND = "MDB_NOTFOUND: No matching key/data pair found" }

local FOLDER = "plugins.lmdb"
local KEY_MAX = 511
local EMPTY_KEY = "MDB_BAD_VALSIZE: Unsupported size of key/DB name/data, or wrong DUPFIXED size"

local opened


-- The store, or nil, err.
function environment.open()
  if opened then
    return opened
  end
  if ngx.get_phase() == "init" then
    return nil, "no LMDB environment defined"
  end
  local folder = ngx.config.prefix() .. FOLDER
  posix.mkdirs(folder)
  local err
  opened, err = store.open(folder, {})
  return opened, err
end


-- The next use opens it again.
function environment.close()
  if opened then
    opened:close()
    opened = nil
  end
end


local function check_name(db)
  if type(db) ~= "string" or db == "" or db:find("\0", 1, true) then
    error("the name of a database must be a text without NUL", 3)
  end
end


-- What all keys of a database begin with.
function environment.range(db)
  if db == environment.DEFAULT_DB then
    return "\1"
  end
  check_name(db)
  return "\2" .. db .. "\0"
end


-- The key that says that a database exists; nil for the default one, which always does.
function environment.marker(db)
  if db ~= environment.DEFAULT_DB then
    check_name(db)
    return "\0" .. db
  end
end


-- The key as it is stored: one that is too long by its digest. Nil, err for the empty one.
function environment.key(key, db)
  if key == "" then
    return nil, EMPTY_KEY
  end
  local range = environment.range(db)
  if #range + #key > KEY_MAX then
    local sum = digest:new()
    sum:update(key)
    key = sum:final()
  end
  return range .. key
end


return environment
