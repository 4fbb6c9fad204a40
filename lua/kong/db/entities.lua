-- The set of entity schemas of one gateway: the core ones, and those that plugins bring. Knows who refers to whom.
-- Used by kong.db, the declarative loader and the Admin API. Must never hold rows.
local Entity = require "kong.db.schema.entity"
local constants = require "kong.constants"

local ipairs = ipairs
local pairs = pairs

local entities = {}
entities.__index = entities


local function load_core(name)
  return Entity.new(require("kong.db.schema.entities." .. name))
end


-- What the loader and the DAOs ask of a schema over and over, found once.
local function describe(schema)
  local info = {
    name = schema.name,
    schema = schema,
    foreigns = {},
    uniques = {},
    children = {},
    endpoint_key = schema.endpoint_key,
  }
  for name, field in schema:each_field() do
    if field.type == "foreign" then
      info.foreigns[#info.foreigns + 1] = {
        name = name, reference = field.reference, required = field.required, on_delete = field.on_delete,
      }
    end
    if field.unique then
      info.uniques[#info.uniques + 1] = name
    end
  end
  if schema.endpoint_key then
    info.endpoint_unique = schema.fields[schema.endpoint_key].unique == true
  end
  return info
end


-- A set holding the core entities; plugins add theirs with add().
function entities.new()
  local self = setmetatable({ by_name = {}, order = {} }, entities)
  for _, name in ipairs(constants.CORE_ENTITIES) do
    self:add(assert(load_core(name)))
  end
  return self
end


-- schema: what Entity.new gave. The order list is renewed on the next call of sorted().
function entities:add(schema)
  if not self.by_name[schema.name] then
    self.order[#self.order + 1] = schema.name
  end
  self.by_name[schema.name] = describe(schema)
  self.list = nil
end


local function visit(self, name, list, seen)
  if seen[name] then
    return
  end
  seen[name] = true
  local info = self.by_name[name]
  for _, foreign in ipairs(info.foreigns) do
    if self.by_name[foreign.reference] then
      visit(self, foreign.reference, list, seen)
    end
  end
  list[#list + 1] = info
end


-- All infos, parents first; also fills in the children of each: {info, field} of who refers to it.
function entities:sorted()
  if self.list then
    return self.list
  end
  local list, seen = {}, {}
  for _, name in ipairs(self.order) do
    visit(self, name, list, seen)
  end
  for _, info in ipairs(list) do
    info.children = {}
  end
  for _, info in ipairs(list) do
    for _, foreign in ipairs(info.foreigns) do
      local parent = self.by_name[foreign.reference]
      if parent then
        local children = parent.children
        children[#children + 1] = { info = info, name = info.name, field = foreign.name, on_delete = foreign.on_delete }
      end
    end
  end
  self.list = list
  return list
end


function entities:get(name)
  return self.by_name[name]
end


function entities:each()
  return pairs(self.by_name)
end


return entities
