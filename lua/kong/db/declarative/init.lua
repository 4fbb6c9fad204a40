-- Declarative configurations: reads YAML or JSON texts into lists of rows, and makes such lists the current
-- configuration. Used at start, by POST /config, by the data plane of a cluster and by the command line.
-- Must never leave a half-applied configuration behind.
local cjson = require "cjson.safe"
local constants = require "kong.constants"
local flatten = require "kong.db.declarative.flatten"
local migrate = require "kong.db.declarative.migrate"
local report = require "kong.db.declarative.report"
local store = require "kong.db.store"
local yaml = require "kong.db.declarative.yaml"

local fmt = string.format
local io_open = io.open
local next = next
local pairs = pairs
local tostring = tostring
local type = type

local declarative = {}

local DEFAULT_WORKSPACE = constants.DECLARATIVE_DEFAULT_WORKSPACE_ID
local EMPTY_HASH = constants.DECLARATIVE_EMPTY_CONFIG_HASH


-- The database to work on: the given one, the gateway's, or (on the command line) the one made last.
local function database(db)
  return db or kong and kong.db or require("kong.db").current
end


-- text -> decoded table, nil, nil, hash | nil, error, {error =}.
-- format: "json", "yaml", a file name that tells by its end, or nil to try both.
function declarative.decode(text, format, pause)
  local decoded, err
  local tried = false
  if format == nil or format:match("json$") then
    tried = true
    if pause then
      decoded, err = require("ngx.json_slices").decode(text, pause)
    else
      decoded, err = cjson.decode(text)
    end
  end
  if type(decoded) ~= "table" and (format == nil or format:match("ya?ml$")) then
    tried = true
    decoded, err = yaml.load(text, pause)
    if type(decoded) ~= "table" then
      err = err or "expected an object"
    end
  end
  if type(decoded) == "table" then
    return decoded, nil, nil, ngx.md5(text)
  end
  if not tried then
    err = "unknown file type: " .. tostring(format) .. ". (Accepted types: json, yaml)"
  else
    err = "failed parsing declarative configuration" .. (err and ": " .. tostring(err) or "")
  end
  return nil, err, { error = err }
end


local function is_empty(lists)
  for name, rows in pairs(lists) do
    if name ~= "workspaces" and next(rows) ~= nil then
      return false
    end
  end
  return true
end


-- input: a decoded configuration (taken apart). lists, nil, nil, meta, hash | nil, text, errors, stage.
-- lists: entity name -> array of rows. hash: optional; the md5 of the rows if absent.
-- options: of flatten.run.
function declarative.parse_table(input, hash, db, pause, options)
  if type(input) ~= "table" then
    error("expected a table as input", 2)
  end
  migrate.run(input)
  local lists, meta, stage = flatten.run(database(db).entities, input, DEFAULT_WORKSPACE, pause, options)
  if not lists then
    return nil, report.text(meta), meta, stage
  end
  if is_empty(lists) then
    hash = EMPTY_HASH
  end
  return lists, nil, nil, meta, hash or ngx.md5(cjson.encode({ lists, meta }) or "")
end


-- Like parse_table for a text. old_hash: a text with this md5 is not parsed again (error "configuration is identical").
function declarative.load_string(text, format, db, old_hash, pause)
  local input, err, errs, hash = declarative.decode(text, format, pause)
  if not input then
    return nil, err, errs, "text"
  end
  if old_hash and old_hash == hash then
    err = "configuration is identical"
    return nil, err, { error = err }, "identical"
  end
  return declarative.parse_table(input, hash, db, pause)
end


declarative.parse = declarative.load_string


-- Like load_string for a file; errors of the file itself are told with its name.
function declarative.load_file(path, db)
  local file, err = io_open(path, "rb")
  if not file then
    return nil, err, { error = err }, "file"
  end
  local text
  text, err = file:read("*a")
  file:close()
  if not text then
    err = fmt("%s: %s", path, tostring(err))
    return nil, err, { error = err }, "file"
  end
  return declarative.load_string(text, path, db)
end


-- The errors of a text as POST /config?flatten_errors=1 tells them: list, rest of the errors by field.
function declarative.flattened_errors(text, format, errs, stage, db)
  local entities = database(db).entities
  local input = declarative.decode(text, format)
  if type(input) ~= "table" then
    return nil, errs
  end
  if stage == "references" then
    report.add_ids(entities, input)
  end
  return report.flatten(entities, input, errs), errs
end


-- The rows of a configuration, ready to be kong.db's (kong.runloop.rebuild makes them so); lists, meta and hash are what parsing gave.
function declarative.snapshot(lists, meta, hash, db, pause)
  db = database(db)
  local snapshot = store.new(db.entities, lists, hash or EMPTY_HASH, meta)
  store.prepare(snapshot, db.entities, pause)
  return snapshot
end


-- Makes the lists the rows of this process at once: at start, and where nothing is built from them.
function declarative.apply(lists, meta, hash, db, pause)
  db = database(db)
  db.store = declarative.snapshot(lists, meta, hash, db, pause)
  return db.store
end


function declarative.current_hash(db)
  return database(db).store.hash
end


return declarative
