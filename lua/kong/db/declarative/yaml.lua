-- Reads YAML 1.1 text into plain tables over libyaml's event parser, and writes tables as YAML.
-- Scalars become what lua-yaml makes of them, null becomes ngx.null, aliases are copies, so that nobody shares
-- a table by accident. Used by kong.db.declarative. Must never raise: errors are returned as "line:column: text".
local ffi = require "ffi"
local explicit = require "lyaml.explicit"
local implicit = require "lyaml.implicit"
local value = require "kong.db.schema.value"

local byte = string.byte
local find = string.find
local fmt = string.format
local error = error
local pairs = pairs
local pcall = pcall
local tostring = tostring
local type = type

local null = value.null

ffi.cdef [[
typedef struct { size_t index, line, column; } kgw_yaml_mark_t;
typedef struct {
  int error; const char *problem; size_t problem_offset; int problem_value; kgw_yaml_mark_t problem_mark;
  const char *context; kgw_yaml_mark_t context_mark; char rest[1024];
} kgw_yaml_parser_t;
typedef struct {
  int type;
  union {
    struct { char *anchor; } alias;
    struct { char *anchor, *tag, *value; size_t length; int plain_implicit, quoted_implicit, style; } scalar;
    struct { char *anchor; char *tag; int implicit; int style; } start;
  } data;
  kgw_yaml_mark_t start_mark, end_mark;
} kgw_yaml_event_t;
int yaml_parser_initialize(kgw_yaml_parser_t *parser);
void yaml_parser_delete(kgw_yaml_parser_t *parser);
void yaml_parser_set_input_string(kgw_yaml_parser_t *parser, const char *input, size_t size);
int yaml_parser_parse(kgw_yaml_parser_t *parser, kgw_yaml_event_t *event);
void yaml_event_delete(kgw_yaml_event_t *event);
]]

local lib
do
  local ok
  ok, lib = pcall(ffi.load, "libyaml-0.so.2")
  if not ok then
    lib = ffi.load("yaml")
  end
end

local DOCUMENT_START, ALIAS, SCALAR, SEQUENCE_START, SEQUENCE_END, MAPPING_START, MAPPING_END = 3, 5, 6, 7, 8, 9, 10
local NAMES = { "STREAM_START", "STREAM_END", "DOCUMENT_START", "DOCUMENT_END", "ALIAS", "SCALAR", "SEQUENCE_START",
                "SEQUENCE_END", "MAPPING_START", "MAPPING_END" }
local PLAIN = 1

-- Copies made of aliases may hold this many values together: a few lines must not fill the memory.
local ALIAS_BUDGET = 2000000
local DEPTH_MAX = 200

local TAG_PREFIX = "tag:yaml.org,2002:"
local EXPLICIT = {
  [TAG_PREFIX .. "bool"] = explicit.bool,
  [TAG_PREFIX .. "float"] = explicit.float,
  [TAG_PREFIX .. "int"] = explicit.int,
  [TAG_PREFIX .. "null"] = function()
    return null
  end,
  [TAG_PREFIX .. "str"] = explicit.str,
}
local IMPLICIT = {
  implicit.octal, implicit.decimal, implicit.float, implicit.inf, implicit.nan, implicit.hexadecimal,
  implicit.binary, implicit.sexagesimal, implicit.sexfloat,
}
local NULL_WORDS = { [""] = true, ["~"] = true, null = true, Null = true, NULL = true }

local yaml = {}


-- Plain scalars: words first, numbers only where the first byte allows one.
local function resolve(text)
  if NULL_WORDS[text] then
    return null
  end
  local first = byte(text)
  if first >= 48 and first <= 57 or first == 43 or first == 45 or first == 46 then
    for i = 1, #IMPLICIT do
      local v = IMPLICIT[i](text)
      if v ~= nil then
        return v
      end
    end
    return text
  end
  if #text <= 5 then
    local v = implicit.bool(text)
    if v ~= nil then
      return v
    end
  end
  return text
end


local Reader = {}
Reader.__index = Reader


local function fail(self, text, ...)
  error({ text = fmt("%d:%d: " .. text, self.line, self.column, ...) }, 0)
end


local function next_event(self)
  local event = self.event
  if self.loaded then
    lib.yaml_event_delete(event)
    self.loaded = false
  end
  if lib.yaml_parser_parse(self.parser, event) == 0 then
    local problem = self.parser.problem
    fail(self, "%s", problem ~= nil and ffi.string(problem) or "out of memory")
  end
  self.loaded = true
  self.line = tonumber(event.start_mark.line) + 1
  self.column = tonumber(event.start_mark.column) + 1
  self.steps = self.steps + 1
  if self.pause and self.steps % 256 == 0 then
    self.pause()
  end
  return event.type
end


local function text_of(pointer)
  if pointer ~= nil then
    return ffi.string(pointer)
  end
end


local function copy(self, v)
  if type(v) ~= "table" then
    return v
  end
  local made = {}
  for k, item in pairs(v) do
    self.budget = self.budget - 1
    if self.budget < 0 then
      fail(self, "aliases expand to too many values")
    end
    made[k] = copy(self, item)
  end
  return made
end


local read_node


local function read_scalar(self)
  local scalar = self.event.data.scalar
  local text = ffi.string(scalar.value, scalar.length)
  local anchor = text_of(scalar.anchor)
  local v = text
  local tag = text_of(scalar.tag)
  local convert = tag and EXPLICIT[tag]
  if convert then
    v = convert(text)
    if v == nil then
      fail(self, "invalid '%s' value: '%s'", tag, text)
    end
  elseif scalar.style == PLAIN then
    v = resolve(text)
  end
  if anchor then
    self.anchors[anchor] = { value = v }
  end
  return v
end


local function merge(self, map, v)
  if type(v) ~= "table" then
    fail(self, "invalid '<<' merge event: %s", tostring(v))
  end
  local list = v[1] ~= nil and v or { v }
  for i = 1, #list do
    if type(list[i]) ~= "table" then
      fail(self, "invalid '<<' sequence element %d: %s", i, tostring(list[i]))
    end
    for k, item in pairs(list[i]) do
      if map[k] == nil then
        map[k] = copy(self, item)
      end
    end
  end
end


local function read_map(self, depth)
  local map = {}
  local anchor = text_of(self.event.data.start.anchor)
  if anchor then
    self.anchors[anchor] = { value = map }
  end
  while next_event(self) ~= MAPPING_END do
    local key = read_node(self, depth)
    local is_merge = key == "<<"
    next_event(self)
    local v = read_node(self, depth)
    if is_merge then
      merge(self, map, v)
    else
      map[key] = v
    end
  end
  return map
end


local function read_list(self, depth)
  local list, n = {}, 0
  local anchor = text_of(self.event.data.start.anchor)
  if anchor then
    self.anchors[anchor] = { value = list }
  end
  while next_event(self) ~= SEQUENCE_END do
    n = n + 1
    list[n] = read_node(self, depth)
  end
  return value.as_array(list)
end


-- Reads the node whose first event is the current one.
function read_node(self, depth)
  local kind = self.event.type
  if kind == SCALAR then
    return read_scalar(self)
  end
  if depth > DEPTH_MAX then
    fail(self, "nested too deeply")
  end
  if kind == MAPPING_START then
    return read_map(self, depth + 1)
  elseif kind == SEQUENCE_START then
    return read_list(self, depth + 1)
  elseif kind == ALIAS then
    local name = text_of(self.event.data.alias.anchor)
    local known = self.anchors[name]
    if not known then
      fail(self, "invalid reference: %s", tostring(name))
    end
    return copy(self, known.value)
  end
  fail(self, "invalid event: %s", NAMES[kind] or "?")
end


-- The first document counts, but all of the text has to be well-formed.
local function read_stream(self)
  local first
  local seen = false
  next_event(self)
  while next_event(self) == DOCUMENT_START do
    self.anchors = {}
    next_event(self)
    local document = read_node(self, 0)
    next_event(self)
    if not seen then
      seen, first = true, document
    end
  end
  return first
end


-- text -> value | nil, error. pause (optional) is called now and then so that long texts do not hold up a worker.
function yaml.load(text, pause)
  local self = setmetatable({
    parser = ffi.new("kgw_yaml_parser_t"),
    event = ffi.new("kgw_yaml_event_t"),
    anchors = {},
    line = 0,
    column = 0,
    steps = 0,
    budget = ALIAS_BUDGET,
    pause = pause,
  }, Reader)
  if lib.yaml_parser_initialize(self.parser) == 0 then
    return nil, "out of memory"
  end
  lib.yaml_parser_set_input_string(self.parser, text, #text)
  local ok, result = pcall(read_stream, self)
  if self.loaded then
    lib.yaml_event_delete(self.event)
  end
  lib.yaml_parser_delete(self.parser)
  if ok then
    return result
  end
  if type(result) == "table" then
    return nil, result.text
  end
  return nil, tostring(result)
end


-- Writing ----------------------------------------------------------------------------------------------------------


-- Words that need no quotes: letters first, nothing that YAML gives a meaning.
local function scalar_text(v)
  if v == null then
    return "~"
  elseif type(v) ~= "string" then
    return type(v) == "number" and fmt("%.14g", v) or tostring(v)
  end
  if find(v, "^[%a/_][%w%-_./]*$") and resolve(v) == v then
    return v
  end
  return (fmt('"%s"', (v:gsub('[%c"\\\127]', function(c)
    local short = c == '"' and '\\"' or c == "\\" and "\\\\" or c == "\n" and "\\n"
    return short or fmt("\\x%02X", byte(c))
  end))))
end


local write


local function write_pairs(out, v, indent, first)
  local keys, n = {}, 0
  for k in pairs(v) do
    n = n + 1
    keys[n] = k
  end
  table.sort(keys, function(a, b)
    return tostring(a) < tostring(b)
  end)
  for i = 1, n do
    local k = keys[i]
    out[#out + 1] = (i == 1 and first or indent) .. scalar_text(tostring(k)) .. ":"
    write(out, v[k], indent, false)
  end
end


local function write_items(out, v, indent)
  for i = 1, #v do
    local item = v[i]
    if out.pause and i % 16 == 0 then
      out.pause()
    end
    if type(item) == "table" and next(item) ~= nil and not value.is_array(item) then
      write_pairs(out, item, indent .. "  ", indent .. "- ")
    else
      out[#out + 1] = indent .. "-"
      write(out, item, indent, true)
    end
  end
end


-- Appends v after the text of the last line; in_list: below a "-" instead of a key.
function write(out, v, indent, in_list)
  if type(v) ~= "table" then
    out[#out] = out[#out] .. " " .. scalar_text(v)
  elseif next(v) == nil then
    out[#out] = out[#out] .. (getmetatable(v) and " []" or " {}")
  elseif value.is_array(v) then
    write_items(out, v, in_list and indent .. "  " or indent)
  else
    write_pairs(out, v, indent .. "  ", indent .. "  ")
  end
end


-- A table as one YAML document, keys in alphabetical order. pause: called now and then, may be nil.
function yaml.dump(v, pause)
  local out = { pause = pause }
  write_pairs(out, v, "", "")
  return table.concat(out, "\n") .. "\n"
end


return yaml
