-- The methods of kong.db.<entity> over the snapshot in kong.db.store: select, select_by_<unique field>, page, each,
-- page_for_<parent>, each_for_<parent>, cache_key. Writes answer that there is no database, unless there is one (kong.db.dao.writes).
-- Used by the runloop, plugins and the Admin API. Must never change a row or know HTTP.
local constants = require "kong.constants"
local value = require "kong.db.schema.value"
local refusals = require "kong.db.dao.refusals"
local writes = require "kong.db.dao.writes"

local concat = table.concat
local error = error
local fmt = string.format
local ipairs = ipairs
local next = next
local pairs = pairs
local setmetatable = setmetatable
local tostring = tostring
local type = type

local null = value.null
local is_reference = value.is_reference

local DEFAULT_PAGE = 1000
local MAX_PAGE = 2048

local DAO = {}


-- Shared method bodies; each DAO is a table of its own whose metatable answers with these.
DAO.methods = {}
local methods = DAO.methods


local function failure(_, err_t)
  return nil, tostring(err_t), err_t
end


local has_shorthands = setmetatable({}, { __mode = "k" })


-- Does a record (or one inside it) show old names of fields beside the new ones?
local function shows_shorthands(fields)
  local known = has_shorthands[fields]
  if known ~= nil then
    return known
  end
  known = false
  for _, entry in ipairs(fields) do
    local _, field = next(entry)
    if field.type == "record" and (#(field.shorthand_fields or {}) > 0 or shows_shorthands(field.fields or {})) then
      known = true
    end
  end
  has_shorthands[fields] = known
  return known
end


local function holds_reference(v)
  for _, item in pairs(v) do
    if type(item) == "table" then
      if holds_reference(item) then
        return true
      end
    elseif is_reference(item) then
      return true
    end
  end
  return false
end


local function row_needs_work(self, row)
  if self.transforms then
    return true
  end
  local subschema = self.schema:get_subschema(row)
  return subschema ~= nil and shows_shorthands(subschema.fields) or holds_reference(row)
end


-- A row that ends by itself: nil when it has, else a copy with the seconds that are left.
local function with_remaining_time(self, row, options)
  local left = row.ttl - ngx.time()
  if left <= 0 then
    return nil
  end
  local made = self.schema:process_auto_fields(row, "select", false, options)
  made.ws_id, made.ttl = row.ws_id, left
  return made
end


-- A row as readers get it. Most rows need no work; plugins and certificates may hold vault references or old names of
-- fields, and are prepared once per snapshot.
local function show(self, kind, row, options)
  if not row or options and options.raw then
    return row
  elseif row.ttl and self.schema.ttl then
    return with_remaining_time(self, row, options)
  elseif not self.needs_work then
    return row
  end
  local shown = kind.shown
  local made = shown[row]
  if not made then
    if not row_needs_work(self, row) then
      shown[row] = row
      return row
    end
    made = self.schema:process_auto_fields(row, "select", false, options)
    if made.ws_id == nil then
      made.ws_id = row.ws_id
    end
    shown[row] = made
  end
  return made
end


DAO.show = show


local function kind_of(self)
  return self.db.store[self.schema.name]
end


function methods:select(primary_key, options)
  if type(primary_key) ~= "table" then
    error("primary_key must be a table", 2)
  end
  local id = primary_key[self.key]
  local kind = kind_of(self)
  local row = id ~= nil and kind.by_id[id]
  if row then
    return show(self, kind, row, options)
  end
  local ok, errs = self.schema:validate_primary_key(primary_key)
  if not ok then
    return failure(self, self.errors:invalid_primary_key(errs))
  end
  return nil
end


-- One method per unique field and for the endpoint key.
local function select_by(name)
  return function(self, v, options)
    if v == nil or v == null then
      error(fmt("invalid %s: expected a value", name), 2)
    end
    local field = self.schema.fields[name]
    local ok, err = self.schema:validate_field(field, v)
    if not ok then
      return failure(self, self.errors:invalid_unique(name, err))
    end
    if type(v) == "table" then
      v = v.id
    end
    local kind = kind_of(self)
    return show(self, kind, kind.unique[name][v], options)
  end
end


-- Only keys of several fields are looked up: a single one has a method of its own.
function methods:select_by_cache_key(cache_key, options)
  if #(self.schema.cache_key or {}) < 2 then
    return nil
  end
  local kind = kind_of(self)
  local index = kind.by_cache_key
  if not index then
    index = {}
    for _, row in ipairs(kind.list) do
      index[self:cache_key(row)] = row
    end
    kind.by_cache_key = index
  end
  return show(self, kind, index[cache_key], options)
end


local function part(v)
  if v == nil or v == null then
    return ""
  elseif type(v) == "table" then
    return v.id ~= nil and v.id ~= null and tostring(v.id) or ""
  end
  return tostring(v)
end


-- "entity:a:b:c:d:e:workspace"; a table stands for the row's own key fields.
function methods:cache_key(key, a2, a3, a4, a5, ws_id)
  local schema = self.schema
  if schema.workspaceable then
    ws_id = ws_id or type(key) == "table" and key.ws_id or kong and kong.default_workspace
            or constants.DECLARATIVE_DEFAULT_WORKSPACE_ID
  else
    ws_id = ""
  end
  if type(key) ~= "table" then
    if key == nil then
      error("key cannot be nil", 2)
    end
    return schema.name .. ":" .. part(key) .. ":" .. part(a2) .. ":" .. part(a3) .. ":" .. part(a4) .. ":"
           .. part(a5) .. ":" .. ws_id
  end
  local names = schema.cache_key or schema.primary_key
  local values = { "", "", "", "", "" }
  for i = 1, #names do
    local name = names[i]
    if schema.cache_key and schema.fields[name] and schema.fields[name].unique_across_ws then
      ws_id = ""
    end
    values[i] = part(key[name])
  end
  return schema.name .. ":" .. concat(values, ":") .. ":" .. ws_id
end


-- Paging: offset is the last id of the page before.


local function decode_offset(self, offset)
  local text = ngx.decode_base64(offset)
  if not text then
    return nil, self.errors:invalid_offset(offset, "bad base64 encoding")
  end
  local name, id = text:match("^([^|]+)|[^|]*|%*|(.-)%z?$")
  -- An offset of another list has nothing after it.
  if name ~= self.schema.name then
    return false, self.db.writer and self.errors:invalid_offset(offset, "bad json encoding") or nil
  end
  return id
end


local function encode_offset(self, row)
  local ws_id = self.schema.workspaceable and (row.ws_id or constants.DECLARATIVE_DEFAULT_WORKSPACE_ID) or "*"
  return ngx.encode_base64(self.schema.name .. "|" .. ws_id .. "|*|" .. tostring(row[self.key]) .. "\0", true)
end


-- First position in rows (sorted by key) whose key is larger than id.
local function after(rows, key, id)
  local low, high = 1, #rows + 1
  while low < high do
    local middle = (low + high - (low + high) % 2) / 2
    if rows[middle][key] > id then
      high = middle
    else
      low = middle + 1
    end
  end
  return low
end


local function has_tags(row, tags, all)
  local own = row.tags
  if not own then
    return false
  end
  for _, tag in ipairs(tags) do
    local found = false
    for i = 1, #own do
      if own[i] == tag then
        found = true
        break
      end
    end
    if found ~= (all == true) then
      return found
    end
  end
  return all == true
end


local function check_page_args(self, size, options)
  if size ~= nil then
    if type(size) ~= "number" then
      error("size must be a number", 3)
    end
    if size % 1 ~= 0 or size < 1 or size > MAX_PAGE then
      return self.errors:invalid_size(fmt("size must be an integer between 1 and %d", MAX_PAGE))
    end
  end
  if options ~= nil and type(options) ~= "table" then
    error("options must be a table when specified", 3)
  end
end


local function page_of(self, kind, rows, size, offset, options)
  local from = 1
  if offset ~= nil then
    local id, err_t = decode_offset(self, offset)
    if err_t then
      return failure(self, err_t)
    elseif not id then
      return {}
    end
    from = after(rows, self.key, id)
  end
  local tags = options and options.tags
  local all = options and options.tags_cond ~= "or"
  local list, n = {}, 0
  local last
  for i = from, #rows do
    local row = rows[i]
    local shown = (not tags or has_tags(row, tags, all)) and show(self, kind, row, options)
    if shown then
      n = n + 1
      list[n] = shown
      last = row
      if n == size then
        break
      end
    end
  end
  return list, nil, nil, n == size and encode_offset(self, last) or nil
end


-- rows, err, err_t, offset of the next page or nil.
function methods:page(size, offset, options)
  local err_t = check_page_args(self, size, options)
  if err_t then
    return failure(self, err_t)
  end
  local kind = kind_of(self)
  return page_of(self, kind, kind.sorted, size or DEFAULT_PAGE, offset, options)
end


local function each_of(self, kind, rows, options)
  local i = 0
  return function()
    while rows[i + 1] do
      i = i + 1
      local shown = show(self, kind, rows[i], options)
      if shown then
        return shown, nil, 1
      end
    end
  end
end


-- Iterates (row, err, page number); the order is that of the configuration.
function methods:each(size, options)
  if size ~= nil and type(size) ~= "number" then
    error("size must be a number", 2)
  end
  local kind = kind_of(self)
  return each_of(self, kind, kind.list, options)
end


local NO_ROWS = {}


local function children_sorted(kind, name, id, key)
  local rows = kind.foreign[name][id]
  if not rows then
    return NO_ROWS
  end
  if not rows.sorted then
    table.sort(rows, function(a, b)
      return a[key] < b[key]
    end)
    rows.sorted = true
  end
  return rows
end


local function page_for(name)
  return function(self, foreign_key, size, offset, options)
    if type(foreign_key) ~= "table" then
      error("foreign_key must be a table", 2)
    end
    local err_t = check_page_args(self, size, options)
    if err_t then
      return failure(self, err_t)
    end
    local kind = kind_of(self)
    local rows = children_sorted(kind, name, foreign_key.id, self.key)
    return page_of(self, kind, rows, size or DEFAULT_PAGE, offset, options)
  end
end


local function each_for(name)
  return function(self, foreign_key, _, options)
    if type(foreign_key) ~= "table" then
      error("foreign_key must be a table", 2)
    end
    local kind = kind_of(self)
    return each_of(self, kind, kind.foreign[name][foreign_key.id] or NO_ROWS, options)
  end
end


local function transforms_on_read(schema)
  for _, transformation in ipairs(schema.transformations or {}) do
    if transformation.on_read then
      return true
    end
  end
  return false
end


local function needs_work(schema)
  if schema.subschema_key == "name" or transforms_on_read(schema) then
    return true
  end
  for _, entry in ipairs(schema.fields) do
    local _, field = next(entry)
    if field.referenceable or field.elements and field.elements.referenceable then
      return true
    end
  end
  return false
end


-- info: of kong.db.entities. custom: a table with more methods (the module that schema.dao names), or nil.
function DAO.new(db, info, custom)
  local schema = info.schema
  local own = {}
  for name, fn in pairs(methods) do
    own[name] = fn
  end
  for _, name in ipairs(info.uniques) do
    own["select_by_" .. name] = select_by(name)
  end
  for _, foreign in ipairs(info.foreigns) do
    own["page_for_" .. foreign.name] = page_for(foreign.name)
    own["each_for_" .. foreign.name] = each_for(foreign.name)
  end
  if db.writer then
    writes.install(own, info)
  else
    refusals.install(own, info)
  end
  -- What custom methods stand over stays reachable.
  local super = {}
  for name, fn in pairs(own) do
    super[name] = fn
  end
  own.super = super
  own.is_dao = true
  for name, fn in pairs(custom or {}) do
    own[name] = fn
  end
  own.__index = own
  return setmetatable({
    db = db,
    schema = schema,
    errors = db.errors,
    info = info,
    show_row = show,
    key = schema.primary_key[1] or "id",
    needs_work = needs_work(schema),
    transforms = transforms_on_read(schema),
  }, own)
end


function DAO.is_dao(v)
  return type(v) == "table" and v.is_dao == true
end


return DAO
