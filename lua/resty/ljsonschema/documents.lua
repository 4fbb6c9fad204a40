-- resty.ljsonschema.documents: the schemas that one validator is made of, by URI, and what their references point at.
-- Schemas of the caller are only read.
local metaschema = require "resty.ljsonschema.metaschema"
local uri = require "resty.ljsonschema.uri"

local error = error
local format = string.format
local gsub = string.gsub
local pairs = pairs
local tonumber = tonumber
local type = type

local documents = {}
documents.__index = documents

local ROOT = "root:"
local METASCHEMA = "http://json-schema.org/draft-04/schema"
-- References that lead to references.
local HOPS_MAX = 100

-- Keywords below which there are schemas: at once or as a list; by name.
local HOLDERS = { additionalItems = true, additionalProperties = true, allOf = true, anyOf = true, items = true, oneOf = true, ["not"] = true }
local NAMED = { definitions = true, dependencies = true, patternProperties = true, properties = true }


local enter


local function enter_named(self, schemas, base)
  if type(schemas) == "table" then
    for _, schema in pairs(schemas) do
      enter(self, schema, base, true)
    end
  end
end


-- Notes the base URI of every table below; ids count only where a schema stands.
local function enter_members(self, node, base, is_schema)
  for key, child in pairs(node) do
    if type(child) == "table" and key ~= "enum" then
      if is_schema and NAMED[key] then
        self.bases[child] = base
        enter_named(self, child, base)
      else
        enter(self, child, base, is_schema and (HOLDERS[key] or type(key) == "number") or false)
      end
    end
  end
end


enter = function(self, node, base, is_schema)
  if type(node) ~= "table" or self.bases[node] then
    return
  end
  if is_schema and type(node.id) == "string" and type(node["$ref"]) ~= "string" then
    local document, anchor = uri.split(node.id)
    base = document ~= "" and uri.resolve(base, document) or base
    if anchor ~= "" then
      self.anchors[base .. "#" .. anchor] = node
    elseif document ~= "" then
      self.by_uri[base] = self.by_uri[base] or node
    end
  end
  self.bases[node] = base
  enter_members(self, node, base, is_schema)
end


-- resolver(uri) gives a schema that is not below root, or nil.
function documents.new(root, resolver)
  local self = setmetatable({ bases = {}, by_uri = {}, anchors = {}, resolver = resolver }, documents)
  self.by_uri[ROOT] = root
  enter(self, root, ROOT, true)
  return self
end


-- The schema of this URI; raises when nobody knows it.
local function fetch(self, name)
  local schema = self.by_uri[name]
  if schema then
    return schema
  end
  if self.resolver then
    schema = self.resolver(name)
  elseif name == METASCHEMA then
    schema = metaschema
  else
    error("an external resolver is required to fetch " .. name)
  end
  if not schema then
    error("failed to fetch schema for: " .. name)
  end
  self.by_uri[name] = schema
  enter(self, schema, name, true)
  return schema
end


local function unescape(token)
  return (gsub(gsub(uri.unescape(token), "~1", "/"), "~0", "~"))
end


-- What the JSON pointer leads to.
local function follow(self, document, pointer)
  local node = fetch(self, document)
  for token in pointer:gmatch("/([^/]*)") do
    token = unescape(token)
    local index = tonumber(token)
    local below = type(node) == "table" and node[token]
    if not below and index and type(node) == "table" then
      below = node[index + 1]
    end
    if not below then
      error(format("reference not found: %s#%s (at %q)", document, pointer, token))
    end
    node = below
  end
  return node
end


-- The schema that this one stands for: itself, or where its $ref leads in the end.
function documents:target(schema)
  for _ = 1, HOPS_MAX do
    local reference = type(schema) == "table" and schema["$ref"]
    if type(reference) ~= "string" then
      return schema
    end
    local base = self.bases[schema]
    local document, fragment = uri.split(reference)
    document = uri.resolve(base, document)
    local anchored = self.anchors[document .. "#" .. fragment]
    if not anchored and fragment ~= "" and fragment:sub(1, 1) ~= "/" then
      fetch(self, document)
      anchored = self.anchors[document .. "#" .. fragment]
      if not anchored then
        fragment = "/" .. fragment
      end
    end
    schema = anchored or follow(self, document, fragment)
    enter(self, schema, document, true)
  end
  error("reference does not end: " .. tostring(schema["$ref"]))
end


return documents
