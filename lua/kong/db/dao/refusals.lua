-- insert, update, upsert, delete of kong.db.<entity> where there is nothing that can be written: they say so, after they
-- have said what else is wrong with the request. Used by kong.db.dao.
local foreign_keys = require "kong.db.dao.foreign_keys"

local error = error
local fmt = string.format
local pairs = pairs
local tostring = tostring
local type = type

local refusals = {}

local VERBS = { update = "update", upsert = "create or update", delete = "remove" }


local function failure(err_t)
  return nil, tostring(err_t), err_t
end


local function refuse(self, verb, field)
  local by = field and fmt(" by '%s'", field) or ""
  return failure(self.errors:operation_unsupported(
    fmt("cannot %s '%s' entities%s when not using a database", verb, self.schema.name, by)))
end


local function insert(self, row)
  if type(row) ~= "table" then
    error("entity must be a table", 2)
  end
  local resolved, err_t = foreign_keys.resolve(self, row)
  if not resolved then
    return failure(err_t)
  end
  local ok, errs = self.schema:validate_insert(self.schema:process_auto_fields(resolved, "insert"))
  if not ok then
    return failure(self.errors:schema_violation(errs))
  end
  return refuse(self, "create")
end


local function refuse_by_key(method, verb)
  return function(self, primary_key)
    if method == "update" then
      local row, err, err_t = self:select(primary_key, { raw = true })
      if err_t then
        return nil, err, err_t
      elseif not row then
        return failure(self.errors:not_found(primary_key))
      end
    end
    return refuse(self, verb)
  end
end


local function refuse_by_field(method, verb, field)
  return function(self, v)
    local row = method == "update" and self["select_by_" .. field](self, v, { raw = true })
    if method == "update" and not row then
      return failure(self.errors:not_found_by_field({ [field] = v }))
    end
    return refuse(self, verb, field)
  end
end


-- own: a DAO's methods.
function refusals.install(own, info)
  own.insert = insert
  for method, verb in pairs(VERBS) do
    own[method] = refuse_by_key(method, verb)
    for _, field in ipairs(info.uniques) do
      own[method .. "_by_" .. field] = refuse_by_field(method, verb, field)
    end
  end
  function own.truncate()
    return true
  end
end


return refusals
