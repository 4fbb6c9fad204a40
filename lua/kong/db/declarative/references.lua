-- What rows of one configuration must be to each other: no two with one key, every reference to something that is
-- there. Used by kong.db.declarative.flatten, which notes every row while it walks.
-- Must never judge a value by itself.
local cjson = require "cjson"
local value = require "kong.db.schema.value"

local fmt = string.format
local ipairs = ipairs
local next = next
local tostring = tostring
local type = type

local null = value.null

local references = {}

-- Rows between two calls of state.pause.
local STEPS = 128


local function taken(entity, field, v)
  return fmt("uniqueness violation: '%s' entity with %s set to '%s' already declared", entity, field, tostring(v))
end


local function put(errs, name, i, err)
  local list = errs[name]
  if not list then
    list = {}
    errs[name] = list
  end
  list[i] = err
end


-- Two rows with one primary key: told where the second one stands, one level of nesting deep.
local function put_at(conflicts, node, i, err)
  if not node.up then
    put(conflicts, node.entity, i, err)
    return
  end
  local parents = conflicts[node.up.entity]
  if not parents then
    parents = {}
    conflicts[node.up.entity] = parents
  end
  local parent = parents[node.up_index]
  if type(parent) ~= "table" then
    parent = {}
    parents[node.up_index] = parent
  end
  put(parent, node.entity, i, err)
end


-- Called for each row when its id is known.
function references.note(state, info, item, node, i)
  local name = info.name
  local failed = false
  local key = info.endpoint_unique and item[info.endpoint_key]
  if key and key ~= null then
    local by_key = state.by_key[name]
    if by_key[key] then
      put(state.conflicts, name, i, taken(name, info.endpoint_key, key))
      failed = true
    else
      by_key[key] = item
    end
  end
  local id = item[info.schema.primary_key[1]]
  if id ~= nil then
    local by_id = state.by_id[name]
    if not failed and by_id[id] then
      put_at(state.conflicts, node, i, taken(name, "primary key", id))
    else
      by_id[id] = item
    end
  end
end


local function find(state, entity, v)
  local by_id, by_key = state.by_id[entity], state.by_key[entity]
  if not by_id then
    return nil
  end
  return by_key[v] or by_id[v] or state.base and state.base(entity, v)
end


local function wanted(v)
  return type(v) == "table" and v.id or v
end


-- Beside other errors, a parent that is not there is told as a key that is missing.
function references.unresolved(state, add_errors)
  for _, entry in ipairs(state.pending) do
    local foreign, v, node, i = entry[3], entry[4], entry[5], entry[6]
    if type(v) == "string" and not find(state, foreign.reference, v) then
      add_errors(state, node, i, { [foreign.name] = { id = "missing primary key" } })
    end
  end
end


local function resolve_all(state, reference_to)
  local conflicts = state.conflicts
  for n, entry in ipairs(state.pending) do
    if state.pause and n % STEPS == 0 then
      state.pause()
    end
    local item, info, foreign, v, i = entry[1], entry[2], entry[3], entry[4], entry[6]
    local found = find(state, foreign.reference, wanted(v))
    if found then
      item[foreign.name] = reference_to(state, found.id)
    else
      local at = info.endpoint_unique and item[info.endpoint_key] or item[info.schema.primary_key[1]] or i
      local shown = type(v) == "string" and v or cjson.encode(v)
      local text = fmt("invalid reference '%s: %s' (no such entry in '%s')", foreign.name, shown, foreign.reference)
      local list = conflicts[info.name]
      if not list then
        list = {}
        conflicts[info.name] = list
      end
      local texts = list[at]
      if type(texts) ~= "table" then
        texts = {}
        list[at] = texts
      end
      texts[#texts + 1] = text
    end
  end
end


-- Unique fields that are not the endpoint key.
local function check_uniques(state, entities)
  local conflicts
  for _, info in ipairs(entities:sorted()) do
    local rows = state.rows[info.name]
    for _, name in ipairs(rows and info.uniques or {}) do
      if name ~= info.endpoint_key then
        local seen = {}
        for i = 1, #rows do
          if state.pause and i % STEPS == 0 then
            state.pause()
          end
          local row = rows[i]
          local v = row[name]
          local key = wanted(v)
          if v ~= nil and v ~= null then
            if seen[key] then
              conflicts = conflicts or {}
              local at = info.endpoint_key and row[info.endpoint_key] or row.id
              put(conflicts, info.name, at, taken(info.name, name, key))
            end
            seen[key] = true
          end
        end
      end
    end
  end
  return conflicts
end


-- nil when all is well, else errors by entity.
function references.check(state, entities, reference_to)
  resolve_all(state, reference_to)
  if next(state.conflicts) ~= nil then
    return state.conflicts
  end
  return check_uniques(state, entities)
end


return references
