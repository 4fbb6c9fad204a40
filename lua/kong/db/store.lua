-- The rows of a DB-less gateway: one immutable snapshot of a configuration, replaced as a whole. A snapshot has a
-- kind per entity: kind.list, and the indexes kind.by_id, kind.unique.<field>, kind.foreign.<field>, kind.sorted,
-- each built when it is first asked for, so that ten thousand routes cost no index that nobody reads.
-- Used by kong.db and everything that walks over all rows. Must never change a row.
local ipairs = ipairs
local rawset = rawset
local setmetatable = setmetatable
local sort = table.sort
local type = type

local store = {}


-- field -> value -> row. References count by their id.
local unique_mt = {}


function unique_mt.__index(unique, field)
  local index = {}
  local list = unique[0]
  for i = 1, #list do
    local v = list[i][field]
    if type(v) == "table" then
      v = v.id
    end
    if v ~= nil then
      index[v] = list[i]
    end
  end
  rawset(unique, field, index)
  return index
end


-- field -> id of the parent -> list of rows.
local foreign_mt = {}


function foreign_mt.__index(foreign, field)
  local index = {}
  local list = foreign[0]
  for i = 1, #list do
    local parent = list[i][field]
    local id = parent and parent.id
    if id then
      local rows = index[id]
      if not rows then
        rows = {}
        index[id] = rows
      end
      rows[#rows + 1] = list[i]
    end
  end
  rawset(foreign, field, index)
  return index
end


local builders = {}


function builders.by_id(kind)
  local index = {}
  local list = kind.list
  local key = kind.key
  for i = 1, #list do
    index[list[i][key]] = list[i]
  end
  return index
end


function builders.unique(kind)
  return setmetatable({ [0] = kind.list }, unique_mt)
end


function builders.foreign(kind)
  return setmetatable({ [0] = kind.list }, foreign_mt)
end


-- Rows in the order of their ids, as pages are.
function builders.sorted(kind)
  local rows = {}
  local key = kind.key
  for i, row in ipairs(kind.list) do
    rows[i] = row
  end
  sort(rows, function(a, b)
    return a[key] < b[key]
  end)
  return rows
end


-- What readers got of rows that need work before they are shown, by id.
function builders.shown()
  return {}
end


-- cache key -> row; filled by the DAO, which knows how the key is made.
function builders.by_cache_key()
  return false
end


local kind_mt = {
  __index = function(kind, name)
    local build = builders[name]
    if not build then
      return nil
    end
    local index = build(kind)
    rawset(kind, name, index)
    return index
  end,
}


local version = 0


-- lists: entity name -> array of rows. entities: the kong.db.entities set. hash: of the configuration, 32 characters.
function store.new(entities, lists, hash, meta)
  version = version + 1
  local snapshot = { version = version, hash = hash, meta = meta }
  for _, info in ipairs(entities:sorted()) do
    snapshot[info.name] = setmetatable({
      list = lists[info.name] or {},
      key = info.schema.primary_key[1] or "id",
      name = info.name,
    }, kind_mt)
  end
  return snapshot
end


-- Builds the indexes that requests read, so that no request has to wait for one. pause is called between kinds.
function store.prepare(snapshot, entities, pause)
  for _, info in ipairs(entities:sorted()) do
    local kind = snapshot[info.name]
    if #kind.list > 0 and info.name ~= "routes" then
      local _ = kind.by_id
      for _, field in ipairs(info.uniques) do
        _ = kind.unique[field]
      end
      if pause then
        pause()
      end
    end
  end
end


return store
