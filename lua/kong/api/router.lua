-- Finds the handler of an Admin or Status API path. Paths are lists of segments; a fixed segment wins over a
-- parameter (":name"). Used by kong.api and kong.status. Must never read a request.
local gmatch = string.gmatch
local ipairs = ipairs
local pairs = pairs
local setmetatable = setmetatable
local sort = table.sort
local sub = string.sub

local router = {}
router.__index = router


function router.new()
  return setmetatable({ root = { fixed = {} }, paths = {} }, router)
end


-- path: "/services/:services/routes". methods: {GET = fn, before = fn ...}; what is registered later wins, method by
-- method. schema: of the entity that forms are read by, or nil.
function router:add(path, methods, schema)
  local node = self.root
  local names = {}
  for segment in gmatch(path, "[^/]+") do
    local child
    if sub(segment, 1, 1) == ":" then
      names[#names + 1] = sub(segment, 2)
      child = node.any or { fixed = {} }
      node.any = child
    else
      child = node.fixed[segment] or { fixed = {} }
      node.fixed[segment] = child
    end
    node = child
  end
  local leaf = node.leaf
  if not leaf then
    leaf = { methods = {}, names = names, path = path }
    node.leaf = leaf
    self.paths[#self.paths + 1] = path
  end
  for name, fn in pairs(methods) do
    leaf.methods[name] = fn
  end
  leaf.schema = schema or leaf.schema
  return leaf
end


local function walk(node, segments, i, values)
  local segment = segments[i]
  if not segment then
    return node.leaf
  end
  local child = node.fixed[segment]
  local leaf = child and walk(child, segments, i + 1, values)
  if leaf or not node.any then
    return leaf
  end
  local n = #values
  values[n + 1] = segment
  leaf = walk(node.any, segments, i + 1, values)
  if not leaf then
    for k = #values, n + 1, -1 do
      values[k] = nil
    end
  end
  return leaf
end


-- segments: decoded parts of the path. The leaf ({methods, schema}) and the parameters by name | nil.
function router:find(segments)
  local values = {}
  local leaf = walk(self.root, segments, 1, values)
  if not leaf then
    return nil
  end
  local params = {}
  for i, name in ipairs(leaf.names) do
    params[name] = values[i]
  end
  return leaf, params
end


-- Every path, parameters in braces, sorted.
function router:endpoints()
  local list = {}
  for i, path in ipairs(self.paths) do
    list[i] = path:gsub(":([^/]+)", "{%1}")
  end
  sort(list)
  return list
end


return router
