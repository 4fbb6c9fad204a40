-- Errors of a configuration for people (indented lines) and for programs (one entry per broken entity).
-- Used by kong.db.declarative, the command line and POST /config. Must never judge anything itself.
local ids = require "kong.db.declarative.ids"
local validators = require "kong.db.schema.validators"
local value = require "kong.db.schema.value"

local concat = table.concat
local fmt = string.format
local ipairs = ipairs
local next = next
local sub = string.sub
local sorted_keys = require("kong.tools.sort").keys
local tostring = tostring
local type = type

local report = {}


local function add_lines(lines, errs, of, indent)
  for _, k in ipairs(sorted_keys(errs)) do
    local err = errs[k]
    local where = type(k) == "number" and fmt("- in entry %d of '%s'", k, of) or fmt("in '%s'", k)
    if type(err) == "table" then
      lines[#lines + 1] = indent .. where .. ":"
      add_lines(lines, err, k, indent .. "  ")
    else
      lines[#lines + 1] = indent .. where .. ": " .. tostring(err)
    end
  end
end


-- "in 'services':\n  - in entry 1 of 'services':\n    in 'host': required field missing"
function report.text(errs)
  local lines = {}
  add_lines(lines, errs, "", "")
  return concat(lines, "\n")
end


-- One entry per entity --------------------------------------------------------------------------------------------


local function valid_name(name)
  return type(name) == "string" and name ~= "" and name or nil
end


local function valid_id(id)
  return validators.is_uuid(id) and id or nil
end


local function valid_tags(tags)
  if type(tags) ~= "table" or not value.is_array(tags) then
    return nil
  end
  for i = 1, #tags do
    if type(tags[i]) ~= "string" then
      return nil
    end
  end
  return tags
end


local function singular(name)
  if sub(name, -3) == "ies" then
    return sub(name, 1, -4) .. "y"
  elseif sub(name, -1) == "s" then
    return sub(name, 1, -2)
  end
  return name
end


local function add_messages(list, kind, field, err)
  if type(err) == "table" then
    for _, text in ipairs(err) do
      add_messages(list, kind, field, text)
    end
  else
    list[#list + 1] = { type = kind, field = field, message = err }
  end
end


-- From the last key to the first, as clients have come to see them.
local function categorize(list, errs, at)
  local keys = sorted_keys(errs)
  for i = #keys, 1, -1 do
    local k = keys[i]
    local err = errs[k]
    local path = at and at .. "." .. tostring(k) or tostring(k)
    if k == "@entity" then
      add_messages(list, "entity", nil, err)
    elseif type(err) == "table" then
      categorize(list, err, path)
    else
      add_messages(list, "field", path, err)
    end
  end
  return list
end


local add_entity


-- A parent written out in the entity: its errors are its own, the entity keeps the id.
local function split_parent(entities, entity, errs, foreign, list)
  local parent = entity[foreign.name]
  if type(parent) ~= "table" then
    return
  end
  local id = valid_id(parent.id)
  entity[foreign.name] = id and { id = id } or nil
  local parent_errs = errs[foreign.name]
  errs[foreign.name] = nil
  if parent_errs then
    add_entity(entities, foreign.reference, parent, parent_errs, list)
  end
end


local function split_children(entities, entity, errs, child, list)
  local rows = entity[child.name]
  if type(rows) ~= "table" then
    return
  end
  local child_errs = errs[child.name]
  if type(child_errs) == "string" then
    return
  end
  entity[child.name] = nil
  errs[child.name] = nil
  local id = valid_id(entity.id)
  for i = 1, child_errs and #rows or 0 do
    local row = rows[i]
    if type(row) == "table" then
      if row[child.field] == nil and id then
        row[child.field] = { id = id }
      end
      add_entity(entities, child.name, row, child_errs[i], list)
    end
  end
end


function add_entity(entities, name, entity, errs, list)
  if type(errs) == "string" then
    errs = { ["@entity"] = errs }
  elseif type(errs) ~= "table" or next(errs) == nil then
    return
  end
  local info = entities:get(name)
  for _, foreign in ipairs(info.foreigns) do
    split_parent(entities, entity, errs, foreign, list)
  end
  for _, child in ipairs(info.children) do
    split_children(entities, entity, errs, child, list)
  end
  if next(errs) == nil then
    return
  end
  local found = categorize({}, errs)
  if #found > 0 then
    list[#list + 1] = {
      entity_type = singular(name),
      entity_id = valid_id(entity.id),
      entity_name = valid_name(entity.name),
      entity_tags = valid_tags(entity.tags),
      entity = entity,
      errors = found,
    }
  end
end


-- Gives the input the ids that its entities would have got.
function report.add_ids(entities, input, parent_info)
  local parent_id = parent_info and input.id
  for _, info in ipairs(entities:sorted()) do
    local rows = input[info.name]
    local field
    for _, child in ipairs(parent_info and parent_info.children or {}) do
      if child.name == info.name then
        field = child.field
      end
    end
    if type(rows) == "table" and (not parent_info or field) then
      for _, item in ipairs(rows) do
        if type(item) == "table" then
          if item.id == nil then
            local id = ids.generate(info.schema, item, parent_id, field)
            -- Random ids (version 4) would only mislead.
            item.id = sub(id, 15, 15) == "5" and id or nil
          end
          report.add_ids(entities, item, info)
        end
      end
    end
  end
end


-- input: the configuration as it was given, decoded once more; it is taken apart. errs: by entity; what could not be
-- put down to an entity stays in it. Returns the list.
function report.flatten(entities, input, errs)
  local list = {}
  local names = sorted_keys(errs)
  for i = #names, 1, -1 do
    local name = names[i]
    local section, rows = errs[name], input[name]
    if type(section) == "table" and type(rows) == "table" and entities:get(name) then
      errs[name] = nil
      local keys = sorted_keys(section)
      for k = #keys, 1, -1 do
        local entity = rows[keys[k]]
        if type(entity) == "table" then
          add_entity(entities, name, entity, section[keys[k]], list)
        end
      end
    end
  end
  return list
end


return report
