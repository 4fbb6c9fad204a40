-- insert, update, upsert, delete (and their _by_<unique field> forms) of kong.db.<entity> where there is a store that can be written
-- (kong.db.strategies.lmdb). A write reads, checks and commits under one lock, so that what it checked still holds. Used by kong.db.dao.
-- Must never know HTTP.
local cjson = require "cjson"
local foreign_keys = require "kong.db.dao.foreign_keys"
local value = require "kong.db.schema.value"

local fmt = string.format
local ipairs = ipairs
local pairs = pairs
local type = type

local null = value.null
local deep_copy = value.deep_copy
local strip_nulls = value.strip_nulls

local writes = {}


local function failure(self, err_t)
  return nil, tostring(err_t), err_t, self
end


local function id_of(v)
  if type(v) == "table" then
    return v.id
  end
  return v
end


local function absent(v)
  return v == nil or v == null
end


-- Every parent that a row names must be there. An error, or nil.
local function check_references(self, row)
  for _, foreign in ipairs(self.info.foreigns) do
    local v = row[foreign.name]
    if not absent(v) then
      local parents = self.db.store[foreign.reference]
      if not parents or not parents.by_id[id_of(v)] then
        return self.errors:foreign_key_violation_invalid_reference({ id = id_of(v) }, foreign.name, foreign.reference)
      end
    end
  end
end


-- No other row may have the same unique values. An error, or nil.
local function check_uniques(self, row)
  local kind = self.db.store[self.schema.name]
  for _, name in ipairs(self.info.uniques) do
    local v = id_of(row[name])
    local other = not absent(v) and kind.unique[name][v]
    if other and other[self.key] ~= row[self.key] then
      return self.errors:unique_violation({ [name] = v })
    end
  end
  local key_fields = self.schema.cache_key
  if key_fields and #key_fields > 1 then
    local own = self:cache_key(row)
    local other = self:select_by_cache_key(own, { raw = true })
    if other and other[self.key] ~= row[self.key] then
      local unique = {}
      for _, name in ipairs(key_fields) do
        unique[name] = absent(row[name]) and null or row[name]
      end
      return self.errors:unique_violation(unique)
    end
  end
end


local function commit(self, changes)
  local ok, err = self.db.writer:commit(changes)
  if not ok then
    return failure(self, self.errors:database_error(err))
  end
  return true
end


local function shown(self, row, options)
  local show = self.show_row
  return show(self, self.db.store[self.schema.name], row, options)
end


local function check_all(self, row)
  return check_references(self, row) or check_uniques(self, row)
end


local function store_row(self, row, is_new, options)
  row = strip_nulls(row)
  if self.schema.ttl and options and options.ttl then
    row.ttl = options.ttl > 0 and ngx.time() + options.ttl or nil
  end
  row.ws_id = self.schema.workspaceable and (row.ws_id or self.db.workspace_id) or nil
  local err_t = check_all(self, row)
  if err_t then
    return failure(self, err_t)
  end
  local ok, err, commit_err = commit(self, { { is_new = is_new, info = self.info, row = row } })
  if not ok then
    return nil, err, commit_err
  end
  return shown(self, row, options)
end


-- Validates a filled row and transforms it; input: what the caller gave, old: the row before. The row, or nil, err, err_t.
local function checked(self, row, input, context, old)
  local schema = self.schema
  local ok, errs = schema["validate_" .. context](schema, row, input, old)
  if not ok then
    return failure(self, self.errors:schema_violation(errs))
  end
  local made, err = schema:transform(row, input, context)
  if not made then
    return failure(self, self.errors:transformation_error(err))
  end
  return made
end


local function prepare_new(self, entity, context, options)
  return checked(self, self.schema:process_auto_fields(entity, context, true, options), entity, context)
end


local function insert(self, entity, options)
  local resolved, unresolved = foreign_keys.resolve(self, entity)
  if not resolved then
    return failure(self, unresolved)
  end
  local row, err, err_t = prepare_new(self, resolved, "insert", options)
  if not row then
    return nil, err, err_t
  end
  if self.db.store[self.schema.name].by_id[row[self.key]] then
    return failure(self, self.errors:primary_key_violation({ [self.key] = row[self.key] }))
  end
  return store_row(self, row, true, options)
end


-- References to secrets stay references in what is stored.
local AS_STORED = { resolve = false }


-- The new row that a partial change of `old` makes, or nil, err, err_t.
local function merged(self, old, changes, options)
  local full = self.schema:process_auto_fields(old, "select", true, AS_STORED)
  for name, v in pairs(old) do
    if full[name] == nil then
      full[name] = v
    end
  end
  -- When the row ends is no field that validation knows; store_row takes it over.
  full.ttl = not self.schema.ttl and full.ttl or nil
  local filled = self.schema:process_auto_fields(changes, "update", true, options)
  local row = self.schema:merge_values(filled, full)
  row = self.schema:fill(deep_copy(row), "upsert", true)
  row.updated_at = filled.updated_at or row.updated_at
  return checked(self, row, changes, "update", old)
end


local function update_row(self, old, changes, options)
  local resolved, unresolved = foreign_keys.resolve(self, changes)
  if not resolved then
    return failure(self, unresolved)
  end
  changes = resolved
  local row, err, err_t = merged(self, old, changes, options)
  if not row then
    return nil, err, err_t
  end
  row[self.key] = old[self.key]
  row.ttl = self.schema.ttl and old.ttl or row.ttl
  return store_row(self, row, false, options)
end


local function find_by_pk(self, primary_key)
  local ok, errs = self.schema:validate_primary_key(primary_key)
  if not ok then
    return nil, self.errors:invalid_primary_key(errs)
  end
  return self.db.store[self.schema.name].by_id[primary_key[self.key]]
end


local function update(self, primary_key, changes, options)
  local old, err_t = find_by_pk(self, primary_key)
  if err_t then
    return failure(self, err_t)
  elseif not old then
    return failure(self, self.errors:not_found(primary_key))
  end
  return update_row(self, old, changes, options)
end


-- Puts a whole row in the place of `old` (nil: there is none). name, v: what the caller found it by.
local function replace(self, old, name, v, entity, options)
  local resolved, unresolved = foreign_keys.resolve(self, entity)
  if not resolved then
    return failure(self, unresolved)
  end
  local full = deep_copy(resolved)
  full[name] = v
  if old then
    full[self.key] = old[self.key]
    if full.created_at == nil then
      full.created_at = old.created_at
    end
  end
  local row, err, err_t = prepare_new(self, full, "upsert", options)
  if not row then
    return nil, err, err_t
  end
  return store_row(self, row, not old, options)
end


local function upsert(self, primary_key, entity, options)
  local old, err_t = find_by_pk(self, primary_key)
  if err_t then
    return failure(self, err_t)
  end
  return replace(self, old, self.key, primary_key[self.key], entity, options)
end


-- Children go with their parent, or lose the reference, or forbid the deletion. Fills changes; an error, or nil.
local function collect_deletion(db, info, row, changes, seen)
  if seen[row] then
    return nil
  end
  seen[row] = true
  local id = row[info.schema.primary_key[1]]
  for _, child in ipairs(info.children) do
    local kind = db.store[child.name]
    for _, child_row in ipairs(kind.foreign[child.field][id] or {}) do
      if child.on_delete == "cascade" then
        local err_t = collect_deletion(db, child.info, child_row, changes, seen)
        if err_t then
          return err_t
        end
      elseif child.on_delete == "null" then
        local copy = deep_copy(child_row)
        copy[child.field] = nil
        changes[#changes + 1] = { info = child.info, row = copy }
      else
        return db.errors:foreign_key_violation_restricted(info.name, child.name)
      end
    end
  end
  changes[#changes + 1] = { is_deletion = true, info = info, row = row }
end


local function delete_row(self, row)
  local changes = {}
  local err_t = collect_deletion(self.db, self.info, row, changes, {})
  if err_t then
    return failure(self, err_t)
  end
  return commit(self, changes)
end


local function delete(self, primary_key)
  local row, err_t = find_by_pk(self, primary_key)
  if err_t then
    return failure(self, err_t)
  end
  if not row then
    return true
  end
  return delete_row(self, row)
end


-- By unique field ---------------------------------------------------------------------------------------------------


local function find_by(self, name, v)
  local ok, err = self.schema:validate_field(self.schema.fields[name], v)
  if not ok then
    return nil, self.errors:invalid_unique(name, err)
  end
  return self.db.store[self.schema.name].unique[name][id_of(v)]
end


local function update_by(name)
  return function(self, v, changes, options)
    local old, err_t = find_by(self, name, v)
    if err_t then
      return failure(self, err_t)
    elseif not old then
      return failure(self, self.errors:not_found_by_field({ [name] = v }))
    end
    return update_row(self, old, changes, options)
  end
end


local function upsert_by(name)
  return function(self, v, entity, options)
    local old, err_t = find_by(self, name, v)
    if err_t then
      return failure(self, err_t)
    end
    return replace(self, old, name, v, entity, options)
  end
end


local function delete_by(name)
  return function(self, v)
    local row, err_t = find_by(self, name, v)
    if err_t then
      return failure(self, err_t)
    end
    if not row then
      return true
    end
    return delete_row(self, row)
  end
end


-- Every write of a database waits for the one before.
local function locked(fn)
  return function(self, ...)
    local writer = self.db.writer
    local ok, err = writer:lock()
    if not ok then
      return failure(self, self.errors:database_error(err))
    end
    local results = { pcall(fn, self, ...) }
    writer:unlock()
    if not results[1] then
      error(results[2], 0)
    end
    return unpack(results, 2, 4)
  end
end


-- own: a DAO's methods; the refusing ones are replaced.
function writes.install(own, info)
  own.insert = locked(insert)
  own.update = locked(update)
  own.upsert = locked(upsert)
  own.delete = locked(delete)
  for _, name in ipairs(info.uniques) do
    own["update_by_" .. name] = locked(update_by(name))
    own["upsert_by_" .. name] = locked(upsert_by(name))
    own["delete_by_" .. name] = locked(delete_by(name))
  end
end


-- A row as it is kept on disk.
function writes.encode(row)
  return cjson.encode(row)
end


function writes.key_of(entity, id)
  return fmt("row:%s:%s", entity, id)
end


return writes
