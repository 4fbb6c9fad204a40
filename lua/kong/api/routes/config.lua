-- GET and POST /config: the declarative configuration of a node without a database. A configuration with an error
-- leaves the old one serving. Used by kong.api. Must never swap rows itself (kong.db.declarative.sync does).
local cjson = require "cjson.safe"
local declarative = require "kong.db.declarative"
local entities = require "kong.api.entities"
local new_pause = require("ngx.pause").new
local export = require "kong.db.declarative.export"
local rows = require "kong.api.rows"
local sync = require "kong.db.declarative.sync"

local concat = table.concat
local fmt = string.format
local ipairs = ipairs
local pairs = pairs
local tostring = tostring
local type = type

local config = {}

local BUSY_KEY = "kong:config:busy"
local BUSY_SECONDS = 60
local STREAM_FROM = 1000  -- rows
local TRUE_WORDS = { ["1"] = true, ["true"] = true, on = true, yes = true }


local function is_true(v)
  return v == true or type(v) == "string" and TRUE_WORDS[v:lower()] == true
end


local function database_only()
  if kong.configuration.database ~= "off" then
    return 400, {
      message = "this endpoint is only available when Kong is configured to not use a database",
    }
  end
end


local function get_config(_, db)
  local refused, body = database_only()
  if refused then
    return refused, body
  end
  return 200, { config = export.yaml(db, new_pause()) }
end


-- The text to parse and its format: a body in YAML or JSON, or the text in the field "config" of either or of a form.
local function text_of(self)
  local body = self.body
  if type(body) ~= "table" then
    if body == nil then
      return nil
    end
    return self.text
  end
  local inner = body.config
  if inner ~= nil and body._format_version == nil then
    return type(inner) == "string" and inner or cjson.encode(inner), nil, true
  end
  return self.text, "json"
end


local function refuse(db, text, format, errs, stage, flattened)
  local list
  if flattened and stage ~= "text" then
    list, errs = declarative.flattened_errors(text, format, errs, stage, db)
  end
  local err_t = db.errors:declarative_config(errs)
  err_t.flattened_errors = list
  return entities.failure(err_t)
end


-- Rows by entity and id; write(text) is called with the pieces of the JSON text.
local function write_rows(db, lists, write, pause)
  local lead = "{"
  for _, info in ipairs(db.entities:sorted()) do
    local list = lists[info.name]
    if list and #list > 0 and info.name ~= "workspaces" then
      local key = info.schema.primary_key[1]
      lead = lead .. fmt('"%s":{', info.name)
      for i, row in ipairs(list) do
        write(lead .. cjson.encode(tostring(row[key] or i)) .. ":" .. cjson.encode(rows.show(info.schema, row)))
        lead = ","
        if i % 8 == 0 then
          pause()
        end
      end
      lead = "},"
    end
  end
  write(lead == "{" and "{}" or "}}")
end


local function row_count(lists)
  local n = 0
  for _, list in pairs(lists) do
    n = n + #list
  end
  return n
end


-- What was taken over, as one text; a large configuration is sent piece by piece instead of being held in memory.
local function answer(db, lists, pause)
  if row_count(lists) > STREAM_FROM then
    return 201, function(write)
      write_rows(db, lists, write, pause)
    end
  end
  local parts = {}
  write_rows(db, lists, function(text)
    parts[#parts + 1] = text
  end, pause)
  return 201, concat(parts)
end


local function take_over(db, lists, meta, hash, pause)
  local version, err = sync.publish(db, lists, meta, hash, pause)
  if not version then
    if err == "no memory" then
      return 413, { message = "Configuration does not fit in the shared memory of the workers" }
    end
    return 500, { message = "An unexpected error occurred" }, err
  end
  local ok
  ok, err = sync.swap(db, lists, meta, hash, pause)
  if not ok then
    return 500, { message = "An unexpected error occurred" }, err
  end
  sync.serving(version)
  return answer(db, lists, pause)
end


local function load(self, db, text, format, has_text)
  local flattened = is_true(self.query.flatten_errors)
  local old_hash = is_true(self.query.check_hash) and (has_text or not format) and db.store.hash or nil
  local pause = new_pause()
  local lists, _, errs, meta, hash = declarative.load_string(text, format, db, old_hash, pause)
  if lists then
    return take_over(db, lists, meta, hash, pause)
  end
  local stage = meta
  if stage == "identical" then
    return 304
  end
  return refuse(db, text, format, errs, stage, flattened)
end


local function post_config(self, db)
  local refused, body = database_only()
  if refused then
    return refused, body
  end
  if ngx.worker.exiting() then
    return 503, { message = "Kong currently exiting" }
  end
  local text, format, has_text = text_of(self)
  if not text then
    return 400, { message = "expected a declarative configuration" }
  end
  local zone = ngx.shared.kong
  if not zone:add(BUSY_KEY, true, BUSY_SECONDS) then
    return 429, { message = "Currently loading previous configuration" }, { ["Retry-After"] = 1 }
  end
  local status, answer, more
  local ok, err = sync.exclusive(function()
    status, answer, more = load(self, db, text, format, has_text)
    return true
  end)
  zone:delete(BUSY_KEY)
  if not ok then
    error(err, 0)
  end
  return status, answer, more
end


function config.register(router)
  router:add("/config", { GET = get_config, POST = post_config, accepts_text = true })
end


return config
