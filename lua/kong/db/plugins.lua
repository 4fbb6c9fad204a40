-- Loads the plugins (and vaults) that the configuration names: handler, configuration schema, own entities.
-- Every load error names the plugin; one bad plugin does not hide the others. Used by the runloop at start and by
-- `kgw check`. Must never run a plugin's phases.
local Entity = require "kong.db.schema.entity"
local guard = require "ngx.guard"
local metaschema = require "kong.db.schema.metaschema"
local value = require "kong.db.schema.value"

local concat = table.concat
local floor = math.floor
local fmt = string.format
local huge = math.huge
local insert = table.insert
local ipairs = ipairs
local next = next
local pairs = pairs
local require = require
local sort = table.sort
local tostring = tostring
local type = type

local null = value.null

local plugins = {}


-- true, module | false, why there is none. An error inside an existing module is the error of the whole load.
local function load_if_exists(name)
  local ok, module = guard.call(require, name)
  if ok then
    return true, module
  end
  if type(module) == "string" and module:find("module '" .. name .. "' not found", 1, true) then
    return false, module
  end
  return nil, "error loading module '" .. name .. "':\n" .. tostring(module)
end


plugins.load_if_exists = load_if_exists


local function clean_version(version)
  if type(version) ~= "string" then
    return nil
  end
  local clean = version:match("^%d+[%d.]*")
  if not clean or clean:match("%d+%.%d+%.%d+%.%d") then
    return nil
  end
  return (clean:gsub("%.+$", ""))
end


local function check_handler(name, handler)
  local priority = handler.PRIORITY
  if type(priority) ~= "number" or priority ~= priority or priority == huge or priority == -huge
     or floor(priority) ~= priority then
    return nil, fmt("Plugin %q cannot be loaded because its PRIORITY field is not a valid integer number, got: %q.\n",
                    name, tostring(priority))
  end
  local version = clean_version(handler.VERSION)
  if not version then
    return nil, fmt("Plugin %q cannot be loaded because its VERSION field does not follow the \"x.y.z\" format, "
                    .. "got: %q.\n", name, tostring(handler.VERSION))
  end
  handler.VERSION = version
  local function has(phase)
    return type(handler[phase]) == "function"
  end
  if has("response") and (has("header_filter") or has("body_filter")) then
    return nil, fmt("Plugin %q can't be loaded because it implements both `response` and `header_filter` or "
                    .. "`body_filter` methods.\n", name)
  end
  return handler
end


local function load_handler(name)
  local found, handler = load_if_exists("kong.plugins." .. name .. ".handler")
  if not found then
    if found == nil then
      return nil, handler
    end
    return nil, name .. " plugin is enabled but not installed;\n" .. handler
  end
  if type(handler) ~= "table" then
    return handler
  end
  return check_handler(name, handler)
end


local function load_schema(db, name)
  local found, schema = load_if_exists("kong.plugins." .. name .. ".schema")
  if not found then
    if found == nil then
      return nil, schema
    end
    return nil, "no configuration schema found for plugin: " .. name
  end
  local errs = metaschema.check_subschema(schema)
  if errs then
    return nil, tostring(db.errors:schema_violation(errs))
  end
  local ok, err = Entity.new_subschema(db.entities:get("plugins").schema, name, schema)
  if not ok then
    return nil, "error initializing schema for plugin: " .. err
  end
  return schema
end


local function load_daos(db, name)
  local found, definitions = load_if_exists("kong.plugins." .. name .. ".daos")
  if not found then
    return found == false, definitions
  end
  if not value.is_array(definitions) then
    return nil, fmt("custom plugin '%s' returned non-array daos definition table", name)
  end
  for _, definition in ipairs(definitions) do
    local errs = metaschema.check_entity(definition)
    local schema, err
    if not errs then
      schema, err = Entity.new(definition)
    else
      err = tostring(db.errors:schema_violation(errs))
    end
    if not schema then
      return nil, fmt("schema of custom plugin entity '%s.%s' is invalid: %s", name, tostring(definition.name), err)
    end
    schema.is_of_plugin = true
    db:add_entity(schema)
  end
  return true
end


-- A field that must stay null tells that the plugin has no use for that scope.
local function note_scopes(handler, schema)
  if type(handler) ~= "table" then
    return
  end
  for _, entry in ipairs(schema.fields) do
    local name, field = next(entry)
    if (name == "consumer" or name == "route" or name == "service") and type(field) == "table"
       and field.eq == null then
      handler["no_" .. name] = true
    end
  end
end


local function load_one(db, name)
  local handler, err = load_handler(name)
  if not handler then
    return nil, err
  end
  local schema
  schema, err = load_schema(db, name)
  if not schema then
    return nil, err
  end
  note_scopes(handler, schema)
  local ok
  ok, err = load_daos(db, name)
  if not ok then
    return nil, err
  end
  return {
    name = name,
    handler = handler,
    schema = schema,
    priority = type(handler) == "table" and handler.PRIORITY or 0,
  }
end


-- Higher priority first; equal ones in reverse alphabetical order.
local function runs_before(a, b)
  if a.priority ~= b.priority then
    return a.priority > b.priority
  end
  return a.name > b.name
end


-- names: set of plugin names. db: a kong.db. list of {name, handler, schema, priority} in running order | nil, error.
function plugins.load_set(names, db)
  local list, errs = {}, nil
  local ordered = {}
  for name in pairs(names) do
    ordered[#ordered + 1] = name
  end
  sort(ordered)
  for _, name in ipairs(ordered) do
    local plugin, err = load_one(db, name)
    if plugin then
      list[#list + 1] = plugin
    else
      errs = errs or {}
      insert(errs, "on plugin '" .. name .. "': " .. tostring(err))
    end
  end
  if errs then
    return nil, "error loading plugin schemas: " .. concat(errs, "; ")
  end
  sort(list, runs_before)
  db.loaded_plugins = list
  return list
end


-- conf.loaded_plugins: name -> true. db: optional; the gateway's, or the one made last, if absent.
function plugins.load(conf, db)
  db = db or kong and kong.db or require("kong.db").current
  local ok, err = plugins.load_vaults(conf.loaded_vaults or { env = true }, db)
  if not ok then
    return nil, err
  end
  return plugins.load_set(conf.loaded_plugins or {}, db)
end


-- Makes the configuration of the named vaults part of the vaults entity.
function plugins.load_vaults(names, db)
  local errs
  for name in pairs(names) do
    local found, schema = load_if_exists("kong.vaults." .. name .. ".schema")
    local ok, err
    if found then
      ok, err = Entity.new_subschema(db.entities:get("vaults").schema, name, schema)
    else
      err = found == nil and schema or "no configuration schema found for vault: " .. name
    end
    if not ok then
      errs = errs or {}
      insert(errs, "on vault '" .. name .. "': " .. tostring(err))
    end
  end
  if errs then
    return nil, "error loading vault schemas: " .. concat(errs, "; ")
  end
  return true
end


return plugins
