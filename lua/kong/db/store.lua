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
    snapshot[info.name] = store.kind(info, lists[info.name] or {})
  end
  return snapshot
end


local function plain_id(v)
  if type(v) == "table" then
    return v.id
  end
  return v
end


local function move_unique(index, field, old_row, new_row)
  local before, after = old_row and plain_id(old_row[field]), new_row and plain_id(new_row[field])
  -- Another row may have taken the value over already.
  if before ~= nil and before ~= after and index[before] == old_row then
    index[before] = nil
  end
  if after ~= nil then
    index[after] = new_row
  end
end


-- The array of a parent's children is made anew: readers may hold the old one.
local function move_child(index, field, old_row, new_row)
  local before, after = old_row and plain_id(old_row[field]), new_row and plain_id(new_row[field])
  for _, id in ipairs({ before or false, after ~= before and after or false }) do
    if id then
      local rows = {}
      for _, row in ipairs(index[id] or {}) do
        if row ~= old_row then
          rows[#rows + 1] = row
        end
      end
      if id == after then
        rows[#rows + 1] = new_row
      end
      index[id] = rows
    end
  end
end


-- The list with edits made: a row with a new one in its place, new ones at the end.
local function edited_list(kind, edits)
  local list, key = {}, kind.key
  for i, row in ipairs(kind.list) do
    list[i] = row
  end
  for _, edit in ipairs(edits) do
    local id, position = edit.row[key], #list + 1
    for i = 1, #list do
      if list[i][key] == id then
        position = i
        break
      end
    end
    if edit.is_deletion then
      table.remove(list, position)
    else
      list[position] = edit.row
    end
  end
  return list
end


-- A kind with some rows changed; indexes that were built move over to it instead of being built anew.
local function derive_kind(kind, info, edits, list)
  list = list or edited_list(kind, edits)
  local by_id = kind.by_id
  local unique, foreign = rawget(kind, "unique"), rawget(kind, "foreign")
  for _, edit in ipairs(edits) do
    local id = edit.row[kind.key]
    local old_row, new_row = by_id[id], not edit.is_deletion and edit.row or nil
    edit.old = edit.old or old_row
    by_id[id] = new_row
    for _, name in ipairs(info.uniques) do
      if unique and rawget(unique, name) then
        move_unique(unique[name], name, old_row, new_row)
      end
    end
    for _, parent in ipairs(info.foreigns) do
      if foreign and rawget(foreign, parent.name) then
        move_child(foreign[parent.name], parent.name, old_row, new_row)
      end
    end
  end
  local made = setmetatable({ list = list, key = kind.key, name = kind.name, by_id = by_id }, kind_mt)
  if unique then
    unique[0] = list
    made.unique = unique
  end
  if foreign then
    foreign[0] = list
    made.foreign = foreign
  end
  return made
end


-- A snapshot that differs from another in a few rows; the other one's lists stay as they are, its indexes are of no more use.
-- changes: array of {info (of kong.db.entities), row, is_deletion}; each gets `old`, the row it replaces. options: {hash, meta, lists
-- (entity -> the list to be, where it is known)}.
function store.derive(snapshot, entities, changes, options)
  version = version + 1
  local edits = {}
  for _, change in ipairs(changes) do
    local name = change.info.name
    edits[name] = edits[name] or {}
    edits[name][#edits[name] + 1] = change
  end
  local lists = options and options.lists
  local made = { version = version, hash = options and options.hash or snapshot.hash, meta = options and options.meta or snapshot.meta }
  for _, info in ipairs(entities:sorted()) do
    local own, kind = edits[info.name], snapshot[info.name]
    made[info.name] = own and derive_kind(kind, info, own, lists and lists[info.name]) or kind
  end
  return made
end


-- A single kind of rows, for what is made from a list before the snapshot is there.
function store.kind(info, list)
  return setmetatable({ list = list, key = info.schema.primary_key[1] or "id", name = info.name }, kind_mt)
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
