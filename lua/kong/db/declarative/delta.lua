-- A configuration that differs from the current one in a few rows: checked against the current rows instead of as a whole, and made
-- from them. Whatever is not plain (an error, a row that others still refer to, an order that changed) is left to the way that looks
-- at everything: `check` says no more than that it cannot tell. Used by kong.clustering.reconfigure and kong.db.declarative.sync.
--
-- An edit is what happens to one entity: {name, removed = rows that go, added = rows that come (decoded, not yet filled), at = the place
-- of each in the new list, ascending}. A row that changes is in both.
local constants = require "kong.constants"
local flatten = require "kong.db.declarative.flatten"

local ipairs = ipairs
local type = type

local delta = {}


-- The list of an entity after its edit.
function delta.new_list(list, edit)
  local gone = {}
  for _, row in ipairs(edit.removed) do
    gone[row] = true
  end
  local added, at = edit.added, edit.at
  local out, n, next_added = {}, 0, 1
  for i = 1, #list do
    while at[next_added] == n + 1 do
      n = n + 1
      out[n] = added[next_added]
      next_added = next_added + 1
    end
    if not gone[list[i]] then
      n = n + 1
      out[n] = list[i]
    end
  end
  for i = next_added, #added do
    n = n + 1
    out[n] = added[i]
  end
  return out
end


-- Rows that go, over all edits.
local function gone_of(edits)
  local gone = {}
  for _, edit in ipairs(edits) do
    for _, row in ipairs(edit.removed) do
      gone[row] = true
    end
  end
  return gone
end


local function finder(db, gone)
  return function(entity, v)
    local info, kind = db.entities:get(entity), db.store[entity]
    local row = kind and (info.endpoint_unique and kind.unique[info.endpoint_key][v] or kind.by_id[v])
    return row and not gone[row] and row or nil
  end
end


local function is_free(index, v, gone)
  if type(v) == "table" then
    v = v.id
  end
  local other = v ~= nil and index[v]
  return not other or gone[other] ~= nil
end


local function are_keys_free(db, edit, gone)
  local info, kind = db.entities:get(edit.name), db.store[edit.name]
  for _, row in ipairs(edit.added) do
    if not is_free(kind.by_id, row[kind.key], gone) then
      return false
    end
    for _, name in ipairs(info.uniques) do
      if not is_free(kind.unique[name], row[name], gone) then
        return false
      end
    end
  end
  return true
end


-- Rows that refer to one that goes for good have to go as well.
local function are_children_gone(db, edit, gone)
  local info, kind = db.entities:get(edit.name), db.store[edit.name]
  local stays = {}
  for _, row in ipairs(edit.added) do
    stays[row[kind.key]] = true
  end
  for _, row in ipairs(edit.removed) do
    local id = row[kind.key]
    for _, child in ipairs(not stays[id] and info.children or {}) do
      local children = db.store[child.info.name]
      for _, child_row in ipairs(children and children.foreign[child.field][id] or {}) do
        if not gone[child_row] then
          return false
        end
      end
    end
  end
  return true
end


-- Fills and validates the rows that come. true; false: no plain case.
function delta.check(db, edits, pause)
  local gone = gone_of(edits)
  local input = { _format_version = "3.0", _transform = false }
  for _, edit in ipairs(edits) do
    if edit.name == "workspaces" or not db.entities:get(edit.name) or not db.store[edit.name] then
      return false
    end
    input[edit.name] = #edit.added > 0 and edit.added or nil
  end
  local options = { is_lenient = true, base = finder(db, gone) }
  if not flatten.run(db.entities, input, constants.DECLARATIVE_DEFAULT_WORKSPACE_ID, pause, options) then
    return false
  end
  for _, edit in ipairs(edits) do
    if not are_keys_free(db, edit, gone) or not are_children_gone(db, edit, gone) then
      return false
    end
  end
  return true
end


-- The edits as kong.db.store.derive takes them, and the lists after them by entity.
function delta.changes(db, edits)
  local changes, lists = {}, {}
  for _, edit in ipairs(edits) do
    local info, kind = db.entities:get(edit.name), db.store[edit.name]
    local stays = {}
    for _, row in ipairs(edit.added) do
      stays[row[kind.key]] = true
    end
    for _, row in ipairs(edit.removed) do
      if not stays[row[kind.key]] then
        changes[#changes + 1] = { info = info, row = row, is_deletion = true }
      end
    end
    for _, row in ipairs(edit.added) do
      changes[#changes + 1] = { info = info, row = row }
    end
    lists[edit.name] = delta.new_list(kind.list, edit)
  end
  return changes, lists
end


return delta
