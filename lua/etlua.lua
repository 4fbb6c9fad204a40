-- require "etlua": templates with embedded Lua, with the interface of the rock of that name. <% code %>, <%= escaped %>, <%- raw %>;
-- a tag that ends in -%> swallows the newline behind it. Errors of a template's syntax name the line of the template and quote it.
local concat = table.concat
local find = string.find
local format = string.format
local gsub = string.gsub
local load = loadstring
local match = string.match
local setfenv = setfenv
local setmetatable = setmetatable
local sub = string.sub
local tonumber = tonumber
local tostring = tostring
local type = type

local ENTITIES = { ["&"] = "&amp;", ["<"] = "&lt;", [">"] = "&gt;", ['"'] = "&quot;", ["'"] = "&#039;" }


local function escape(text)
  return (gsub(text, "[&<>\"']", ENTITIES))
end


-- A class that plain calls make instances of, and that MoonScript's "extends" can be applied to.
local function new_class(name, base)
  base.__index = base
  local class = setmetatable({ __base = base, __name = name, __init = base.new }, {
    __index = base,
    __call = function(self, ...)
      local instance = setmetatable({}, base)
      self.__init(instance, ...)
      return instance
    end,
  })
  base.__class = class
  return class
end


-- Line number of a byte of the text, and that line.
local function line_at(text, pos)
  local number, from = 1, 1
  while true do
    local newline = find(text, "\n", from, true)
    if not newline or newline > pos then
      return number, sub(text, from, (newline or #text + 1) - 1)
    end
    number, from = number + 1, newline + 1
  end
end


-- Byte of Lua source behind the string, long string or comment that begins at pos; nil when it does not end before the limit.
-- The end of a line comment is the limit at the latest, so that a tag can close it.
local function skip_quoted(source, pos, limit)
  local first = sub(source, pos, pos)
  local long = match(source, "^%[=*%[", pos)
  if long then
    local _, last = find(source, gsub(long, "%[", "]"), pos + #long, true)
    return last and last <= limit and last + 1 or nil
  elseif first == "-" then
    local bracket = match(source, "^%-%-(%[=*%[)", pos)
    if bracket then
      return skip_quoted(source, pos + 2, limit)
    end
    local newline = find(source, "\n", pos, true)
    return newline and newline <= limit and newline + 1 or limit + 1
  end
  local at = pos + 1
  while at <= limit do
    local char = sub(source, at, at)
    if char == first then
      return at + 1
    end
    at = at + (char == "\\" and 2 or 1)
  end
end


-- Is the byte behind `stop` inside a string that begins at `start` or later?
local function ends_in_string(source, start, stop)
  local pos = start
  while pos <= stop do
    local at = find(source, "[\"'%[%-]", pos)
    if not at or at > stop then
      return false
    end
    if match(source, "^[\"']", at) or match(source, "^%[=*%[", at) or match(source, "^%-%-", at) then
      pos = skip_quoted(source, at, stop)
      if not pos then
        return true
      end
    else
      pos = at + 1
    end
  end
  return false
end


--- Writes the Lua code of a template. Methods can be replaced in a derived class; what they push is joined.
local Compiler = new_class("Compiler", {
  html_escape = true,

  new = function(self)
    self.buffer, self.i = {}, 0
  end,

  push = function(self, ...)
    for n = 1, select("#", ...) do
      self.i = self.i + 1
      self.buffer[self.i] = (select(n, ...))
    end
  end,

  render = function(self)
    return concat(self.buffer)
  end,

  header = function(self)
    self:push("local _tostring, _escape, _b, _b_i = ...\n")
  end,

  footer = function(self)
    self:push("return _b")
  end,

  increment = function(self)
    self:push("_b_i = _b_i + 1\n")
  end,

  --- Leaves a comment with the byte of the template that the code of this line comes from.
  mark = function(self, pos)
    self:push("--[[", tostring(pos), "]] ")
  end,

  assign = function(self, ...)
    self:push("_b[_b_i] = ", ...)
    if select("#", ...) > 0 then
      self:push("\n")
    end
  end,

  compile_chunks = function(self, chunks)
    self:header()
    for n = 1, #chunks do
      local chunk = chunks[n]
      if type(chunk) == "string" then
        self:increment()
        self:assign(format("%q", chunk))
      elseif chunk[1] == "code" then
        self:mark(chunk[3])
        self:push(chunk[2], "\n")
      elseif chunk[1] == "=" or chunk[1] == "-" then
        -- A comment in the expression must not swallow the parenthesis.
        local close = find(chunk[2], "--", 1, true) and "\n" or ""
        local is_escaped = chunk[1] == "=" and self.html_escape
        self:increment()
        self:mark(chunk[3])
        self:assign()
        self:push(is_escaped and "_escape(_tostring(" or "_tostring(", chunk[2], close, is_escaped and "))\n" or ")\n")
      else
        error("unknown type " .. tostring(chunk[1]))
      end
    end
    self:footer()
    return self:render()
  end,
})


local Parser = new_class("Parser", {
  open_tag = "<%",
  close_tag = "%>",
  modifiers = "^[=-]",
  new = function() end,
})
local parser = Parser.__base


--- The message with the line of the template that this byte is in.
function parser:error_for_pos(pos, message)
  return format("%s [%d]: %s", message, line_at(self.str, pos))
end


function parser:in_string(start, stop)
  return ends_in_string(self.str, start, stop)
end


function parser:push_raw(start, stop)
  self.chunks[#self.chunks + 1] = sub(self.str, start, stop)
end


function parser:push_code(kind, start, stop)
  self.chunks[#self.chunks + 1] = { kind, sub(self.str, start, stop), start }
end


-- The closing tag that is not part of a string of the code from pos on: its first and last byte, or nil, err.
local function close_of(self, open, pos)
  local first, last = find(self.str, self.close_tag, pos, true)
  if not first then
    return nil, self:error_for_pos(open, "failed to find closing tag")
  end
  while self:in_string(pos, first - 1) do
    first, last = find(self.str, self.close_tag, last + 1, true)
    if not first then
      return nil, self:error_for_pos(open, "failed to find string close")
    end
  end
  return first, last
end


--- Takes the text up to the next tag, and that tag. Returns true, false at the end, or nil, err.
function parser:next_tag()
  local text, pos = self.str, self.pos
  local open, open_last = find(text, self.open_tag, pos, true)
  if not open then
    self:push_raw(pos, #text)
    return false
  end
  if open > pos then
    self:push_raw(pos, open - 1)
  end
  pos = open_last + 1
  local modifier = match(text, self.modifiers, pos)
  if modifier then
    pos = pos + #modifier
  end
  local close, close_last = close_of(self, open, pos)
  if not close then
    return nil, close_last
  end
  local trims = sub(text, close - 1, close - 1) == "-" and close - 1 >= pos
  self:push_code(modifier or "code", pos, trims and close - 2 or close - 1)
  self.pos = close_last + (trims and sub(text, close_last + 1, close_last + 1) == "\n" and 2 or 1)
  return true
end


--- Splits the template into self.chunks: texts, and { kind, code, byte }. Returns true, or nil, err.
function parser:parse(text)
  assert(type(text) == "string", "expecting string for parse")
  self.str, self.pos, self.chunks = text, 1, {}
  local more, err
  repeat
    more, err = self:next_tag()
  until not more
  if err then
    return nil, err
  end
  return true
end


--- The error of Lua's compiler with the line of the template instead of that of the code; nil when it cannot be told.
function parser:parse_error(err, code)
  local line, message = match(err, "%[.-%]:(%d+): (.*)$")
  line = tonumber(line)
  if not line or not self.str then
    return nil
  end
  local mark, mark_line, number = nil, nil, 0
  for text in (code .. "\n"):gmatch("([^\n]*)\n") do
    number = number + 1
    if number > line then
      break
    end
    local pos = match(text, "^%-%-%[%[(%d+)%]%]")
    if pos then
      mark, mark_line = tonumber(pos), number
    elseif match(text, "^_b") then
      mark = nil
    end
  end
  if not mark then
    return nil
  end
  -- Code of several lines: as many newlines on as the error is below the mark.
  for _ = mark_line + 1, line do
    mark = (find(self.str, "\n", mark, true) or mark - 1) + 1
  end
  return self:error_for_pos(mark, message)
end


--- A function of the code that compile_to_lua returned, for run; or nil, err.
function parser:load(code, name)
  local fn, err = load(code, name or "etlua")
  if not fn then
    return nil, self:parse_error(err, code) or err
  end
  return fn
end


local function environment(env)
  return setmetatable({}, { __index = function(_, name)
    local value = env[name]
    if value == nil then
      return _G[name]
    end
    return value
  end })
end


--- Runs a function of load with the names of env, appending to buffer behind its item i. Returns the buffer.
function parser:run(fn, env, buffer, i, ...)
  if not buffer then
    buffer, i = {}, 0
  end
  setfenv(fn, environment(env or {}))
  return fn(tostring, escape, buffer, i or #buffer, ...)
end


function parser:chunks_to_lua(compiler)
  return (compiler or Compiler)():compile_chunks(self.chunks)
end


--- Lua code of a template, written by a class like Compiler; or nil, err.
function parser:compile_to_lua(text, compiler)
  local ok, err = self:parse(text)
  if not ok then
    return nil, err
  end
  return self:chunks_to_lua(compiler)
end


--- A function(env, buffer, i) that renders the template to a string; or nil, err. Calls of it may overlap.
function parser:compile(text)
  local code, err = self:compile_to_lua(text)
  if not code then
    return nil, err
  end
  local ok
  ok, err = self:load(code)
  if not ok then
    return nil, err
  end
  -- A rendering that yields must keep its environment while others begin: each gets a closure of its own.
  local new_fn = assert(load("return function(...) " .. code .. "\nend", "etlua"))
  return function(env, buffer, i, ...)
    if not buffer then
      buffer, i = {}, 0
    end
    setfenv(new_fn, environment(env or {}))
    local out, failure = new_fn()(tostring, escape, buffer, i or #buffer, ...)
    if not out then
      return nil, failure
    end
    return concat(out)
  end
end


local etlua = { _version = "1.3.0", Parser = Parser, Compiler = Compiler }


--- A function(env) that renders the template to a string; or nil, err.
function etlua.compile(text)
  return Parser():compile(text)
end


--- The template rendered with the names of env; or nil, err.
function etlua.render(text, env, ...)
  local fn, err = etlua.compile(text)
  if not fn then
    return nil, err
  end
  return fn(env, ...)
end


return etlua
