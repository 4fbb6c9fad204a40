-- A parsed expression made into functions that answer for one request, and into hints for the router's index: path
-- prefixes one of which every matching request must begin with. Used by kong.router.{index,init}.
-- A function gets a request table { method, host, path, protocol, sni, src_ip, src_port, dst_ip, dst_port, get_header,
-- get_queries } and leaves in it what the path predicates matched: `matched` (text) and `captures`.
local address = require "kong.router.address"
local parser = require "kong.router.expression_parser"
local regex = require "kong.router.regex"

local find = string.find
local gsub = string.gsub
local lower = string.lower
local match = string.match
local sub = string.sub
local re_match = ngx.re.match

local expression = {}

local SIMPLE_FIELDS = {
  ["net.protocol"] = "protocol", ["tls.sni"] = "sni", ["http.method"] = "method", ["http.host"] = "host", ["http.path"] = "path",
  ["net.src.ip"] = "src_ip", ["net.src.port"] = "src_port", ["net.dst.ip"] = "dst_ip", ["net.dst.port"] = "dst_port",
  ["net.port"] = "dst_port",
}


-- Non-empty path segments of the request, made on first use.
local function segments_of(request)
  local list = request.segments
  if not list then
    list = {}
    for part in request.path:gmatch("[^/]+") do
      list[#list + 1] = part
    end
    request.segments = list
  end
  return list
end


local function segment_getter(name)
  if name == "http.path.segments.len" then
    return function(request)
      return #segments_of(request)
    end
  end
  local from, to = match(name, "%.(%d+)_(%d+)$")
  if from then
    from, to = tonumber(from) + 1, tonumber(to) + 1
    return function(request)
      local list = segments_of(request)
      return list[to] and table.concat(list, "/", from, to) or nil
    end
  end
  local index = tonumber(match(name, "(%d+)$")) + 1
  return function(request)
    return segments_of(request)[index]
  end
end


-- Function of the request that gives nil, a value, or an array of values.
local function getter(name)
  local simple = SIMPLE_FIELDS[name]
  if simple then
    return function(request)
      return request[simple]
    end
  end
  if find(name, "^http%.path%.segments") then
    return segment_getter(name)
  end
  local header = match(name, "^http%.headers%.(.+)$")
  if header then
    local dashed = gsub(header, "_", "-")
    return function(request)
      local value = request.get_header(dashed)
      if value == nil and dashed ~= header then
        value = request.get_header(header)
      end
      return value
    end
  end
  local query = match(name, "^http%.queries%.(.+)$")
  return function(request)
    local queries = request.queries
    if not queries then
      queries = request.get_queries()
      request.queries = queries
    end
    return queries[query]
  end
end


local function string_test(op, value)
  local len = #value
  if op == "==" then
    return function(text) return text == value end
  elseif op == "!=" then
    return function(text) return text ~= value end
  elseif op == "^=" then
    return function(text) return sub(text, 1, len) == value end
  elseif op == "=^" then
    return function(text) return len == 0 or sub(text, -len) == value end
  elseif op == "contains" then
    return function(text) return find(text, value, 1, true) ~= nil end
  end
  local pattern, options = regex.compatible(value)
  return function(text) return regex.is_found(text, pattern, options) end
end


local function number_test(op, value)
  if op == "==" then
    return function(n) return n == value end
  elseif op == "!=" then
    return function(n) return n ~= value end
  elseif op == ">" then
    return function(n) return n > value end
  elseif op == ">=" then
    return function(n) return n >= value end
  elseif op == "<" then
    return function(n) return n < value end
  end
  return function(n) return n <= value end
end


local function address_test(op, value)
  local network = address.network(value)
  local wanted = op == "==" or op == "in"
  return function(ip) return address.contains(network, ip) == wanted end
end


local function test_of(node)
  local field_type = node.left.type
  if field_type == "String" then
    return string_test(node.op, node.value)
  elseif field_type == "Int" then
    return number_test(node.op, node.value)
  end
  return address_test(node.op, node.value)
end


-- All values have to pass, or with any() one of them.
local function over_values(test, is_lower, is_any)
  return function(values)
    local n = #values
    for i = 1, n do
      local value = values[i]
      local passes = test(is_lower and lower(value) or value)
      if passes == is_any then
        return is_any
      end
    end
    return not is_any and n > 0
  end
end


-- Predicates of http.path also tell what they matched, which is what strip_path takes away.
local function path_predicate(node)
  local op, value, is_lower = node.op, node.value, node.left.is_lower
  local test = test_of(node)
  if op == "==" or op == "^=" or op == "=^" then
    return function(request)
      local path = request.path
      if test(is_lower and lower(path) or path) then
        request.matched = value
        return true
      end
      return false
    end
  end
  if op ~= "~" then
    return function(request)
      local path = request.path
      return test(is_lower and lower(path) or path)
    end
  end
  local pattern, options = regex.compatible(value)
  return function(request)
    local path = request.path
    local captures = re_match(is_lower and lower(path) or path, pattern, options)
    if not captures then
      return false
    end
    request.matched, request.captures = captures[0], captures
    return true
  end
end


local function predicate(node)
  if node.left.name == "http.path" then
    return path_predicate(node)
  end
  local get, test = getter(node.left.name), test_of(node)
  local is_lower = node.left.is_lower
  local test_all = over_values(test, is_lower, node.left.is_any == true)
  return function(request)
    local value = get(request)
    if value == nil then
      return false
    end
    if type(value) == "table" then
      return test_all(value)
    end
    return test(is_lower and lower(value) or value)
  end
end


local compile


local function compile_list(node)
  local items = {}
  for i = 1, #node do
    items[i] = compile(node[i])
  end
  local wanted = node.op == "or"
  return function(request)
    for i = 1, #items do
      if items[i](request) == wanted then
        return wanted
      end
    end
    return not wanted
  end
end


function compile(node)
  if node.op == "not" then
    local inner = compile(node[1])
    return function(request)
      return not inner(request)
    end
  end
  if node.op == "and" or node.op == "or" then
    return compile_list(node)
  end
  return predicate(node)
end


-- Path prefixes of which a matching request must have one, or nil when the tree does not tell.
local function prefixes_of(node)
  if node.op == "and" then
    for i = 1, #node do
      local found = prefixes_of(node[i])
      if found then
        return found
      end
    end
    return nil
  end
  if node.op == "or" then
    local out = {}
    for i = 1, #node do
      local found = prefixes_of(node[i])
      if not found then
        return nil
      end
      for j = 1, #found do
        out[#out + 1] = found[j]
      end
    end
    return out
  end
  local left = node.left
  if node.op == "not" or left.name ~= "http.path" or left.is_lower then
    return nil
  end
  if node.op == "==" or node.op == "^=" then
    return { node.value }
  end
  -- A pattern that begins at the start of the path begins with its literal text.
  if node.op == "~" and sub(node.value, 1, 1) == "^" then
    local prefix = regex.literal_prefix(node.value)
    return prefix ~= "" and { prefix } or nil
  end
  return nil
end


-- { test = function(request), prefixes = array | nil }, or nil, err.
function expression.compile(text, subsystem)
  local tree, err = parser.parse(text, subsystem)
  if not tree then
    return nil, err
  end
  return { test = compile(tree), prefixes = prefixes_of(tree) }
end


-- For the schema: true, or nil and what is wrong.
function expression.validate(text, subsystem)
  local tree, err = parser.parse(text, subsystem)
  if not tree then
    return nil, err
  end
  return true
end


return expression
