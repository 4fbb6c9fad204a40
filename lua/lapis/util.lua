-- require "lapis.util": texts, tables, query strings and JSON, as applications of Lapis use them. Not there: time_ago and its like.
local cjson = require "cjson"

local byte = string.byte
local char = string.char
local concat = table.concat
local format = string.format
local gsub = string.gsub
local lower = string.lower
local match = string.match
local setmetatable = setmetatable
local sub = string.sub
local tonumber = tonumber
local tostring = tostring
local type = type
local upper = string.upper

local Util = {}


--- The text with %XX read; "+" stays.
function Util.unescape(text)
  return (gsub(text, "%%(%x%x)", function(hex) return char(tonumber(hex, 16)) end))
end


--- The text with everything but letters, digits and "_" as %xx.
function Util.escape(text)
  return (gsub(text, "[^%w_]", function(c) return format("%%%02x", byte(c)) end))
end


function Util.escape_pattern(text)
  return (gsub(text, "[%^$()%.%[%]*+%-?%%]", "%%%0"))
end


--- A list of { name, value } in order (the value is missing when there is no "=") that has the last values by name as well, true for
--- missing ones. Nil when there is nothing in the text.
function Util.parse_query_string(text)
  local out
  for pair in match(text, "^[?#]?(.*)$"):gmatch("[^&]+") do
    local name, value = match(pair, "^([^=]+)=(.*)$")
    if name then
      name, value = Util.unescape(name), Util.unescape(value)
    else
      name = match(pair, "^[^=]+")
    end
    if name then
      out = out or {}
      out[#out + 1] = { name, value }
      out[name] = value or true
    end
  end
  return out
end


--- The query of a table of name -> value and of pairs { name, value }. True leaves out "=", false leaves out the pair.
function Util.encode_query_string(t, separator)
  local out = {}
  for name, value in pairs(t) do
    if type(name) == "number" and type(value) == "table" then
      name, value = value[1], value[2] == nil or value[2]
    end
    if value == true then
      out[#out + 1] = ngx.escape_uri(name)
    elseif value ~= false then
      out[#out + 1] = ngx.escape_uri(name) .. "=" .. ngx.escape_uri(tostring(value))
    end
  end
  return concat(out, separator or "&")
end


--- 'form-data; name="a"' as { type = "form-data", { "name", "a" }, name = "a" }; nil when it is not of that form.
function Util.parse_content_disposition(text)
  local kind, rest = match(text, "^([%w%._%-]+)(.*)$")
  if not kind then
    return nil
  end
  local out = { type = kind }
  for name, value in rest:gmatch(";%s*([%w%._%-]+)%s*=%s*([^;%s\"]*\"?[^\"]*\"?)") do
    value = Util.unescape(match(value, '^"(.*)"$') or match(value, "^[%w%._%-]*"))
    out[#out + 1] = { name, value }
    out[name] = value
  end
  return out
end


function Util.parse_cookie_string(text)
  local out = {}
  for name, value in (text or ""):gmatch("([^=%s;]*)=([^;]*)") do
    out[Util.unescape(name)] = Util.unescape(value)
  end
  return out
end


--- "What is on?" as "what-is-on".
function Util.slugify(text)
  return lower((gsub(gsub(gsub(text, "[%s_]+", "-"), "[^%w%-]+", ""), "%-+", "-")))
end


--- "ManifestRocks" as "manifest_rocks".
function Util.underscore(text)
  return lower((gsub(gsub(text, "(%l)([%u%d])", "%1_%2"), "_+", "_")))
end


--- "manifest_rocks" as "ManifestRocks".
function Util.camelize(text)
  return (gsub(text, "_*([^_])([^_]*)_*", function(first, rest) return upper(first) .. rest end))
end


function Util.title_case(text)
  return (gsub(text, "%S+", function(word) return upper(sub(word, 1, 1)) .. sub(word, 2) end))
end


local IRREGULAR = { children = "child", vertices = "vertex", matrices = "matrix", indices = "index", statuses = "status", people = "person",
  leaves = "leaf", lives = "life" }
for _, plural in ipairs({ "children", "vertices", "matrices", "indices", "statuses", "people", "leaves", "lives" }) do
  IRREGULAR[upper(plural)] = upper(IRREGULAR[plural])
end


--- The singular of a plural English word, by rules of thumb.
function Util.singularize(name)
  local out, count = gsub(name, "(%w+)$", IRREGULAR)
  if count > 0 and out ~= name then
    return out
  end
  local endings = { { "[iI][eE]([sS])$", { s = "y", S = "Y" } }, { "([oO])[eE][sS]$", "%1" }, { "([sS][sS])[eE][sS]$", "%1" }, { "[sS]$", "" } }
  for _, ending in ipairs(endings) do
    out, count = gsub(name, ending[1], ending[2])
    if count > 0 then
      return out
    end
  end
  return name
end


--- A list without repetitions.
function Util.uniquify(list)
  local seen, out = {}, {}
  for _, item in ipairs(list) do
    if not seen[item] then
      seen[item] = true
      out[#out + 1] = item
    end
  end
  return out
end


function Util.trim(text)
  text = tostring(text)
  local from = match(text, "^%s*()")
  return from > #text and "" or match(text, ".*%S", from)
end


--- Trims all strings in the table, in place.
function Util.trim_all(t)
  for key, value in pairs(t) do
    if type(value) == "string" then
      t[key] = Util.trim(value)
    end
  end
  return t
end


--- Trims in place and removes empty strings, or sets them to `empty`; with keys only those are kept.
function Util.trim_filter(t, keys, empty)
  if keys then
    Util.key_filter(t, unpack(keys))
  end
  for key, value in pairs(t) do
    if type(value) == "string" then
      value = Util.trim(value)
      t[key] = value == "" and empty or value ~= "" and value or nil
    end
  end
  return t
end


--- Removes other keys than these, in place.
function Util.key_filter(t, ...)
  local wanted = {}
  for i = 1, select("#", ...) do
    wanted[select(i, ...)] = true
  end
  for key in pairs(t) do
    if not wanted[key] then
      t[key] = nil
    end
  end
  return t
end


local function encodable(value, above)
  local kind = type(value)
  if kind == "table" then
    if above[value] then
      return nil
    end
    above[value] = true
    local out = setmetatable({}, getmetatable(value) == cjson.array_mt and cjson.array_mt or nil)
    for key, item in pairs(value) do
      if type(key) == "string" or type(key) == "number" then
        out[key] = encodable(item, above)
      end
    end
    above[value] = nil
    return out
  elseif kind == "function" or kind == "thread" or kind == "cdata" then
    return nil
  elseif kind == "userdata" and value ~= cjson.null and value ~= cjson.empty_array then
    return nil
  end
  return value
end


--- A copy of the value without what JSON has not: functions, threads, cycles.
function Util.json_encodable(value)
  return encodable(value, {})
end


function Util.to_json(value)
  return cjson.encode(encodable(value, {}))
end


function Util.from_json(text)
  return cjson.decode(text)
end


--- The URL of its parts: scheme ("" for none), host, port, path, query, fragment.
function Util.build_url(parts)
  local out = (parts.path or "") .. (parts.query and "?" .. parts.query or "") .. (parts.fragment and "#" .. parts.fragment or "")
  if not parts.host then
    return out
  end
  if parts.path and sub(out, 1, 1) ~= "/" then
    out = "/" .. out
  end
  local scheme = parts.scheme and parts.scheme ~= "" and parts.scheme .. ":" or ""
  return scheme .. "//" .. parts.host .. (parts.port and ":" .. parts.port or "") .. out
end


local function try_require(name)
  local ok, module = pcall(require, name)
  if not ok and not module:find("module '" .. name .. "' not found", 1, true) then
    error(module, 0)
  end
  return ok and module or nil
end


--- A table (the last argument, or a new one) whose missing fields are modules below the prefixes, by their name or in under_scores.
function Util.autoload(...)
  local prefixes = { ... }
  local t = type(prefixes[#prefixes]) == "table" and table.remove(prefixes) or {}
  assert(prefixes[1], "missing prefixes for autoload")
  return setmetatable(t, { __index = function(self, name)
    local module
    for _, prefix in ipairs(prefixes) do
      module = module or try_require(prefix .. "." .. name) or try_require(prefix .. "." .. Util.underscore(name))
    end
    self[name] = module
    return module
  end })
end


--- A table whose fields are those of the table that fn returns when the first is looked for.
function Util.auto_table(fn)
  return setmetatable({}, { __index = function(self, name)
    local values = fn()
    getmetatable(self).__index = values
    return values[name]
  end })
end


return Util
