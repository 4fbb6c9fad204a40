-- What a Lua file does, as far as its text tells: which functions it has, what each of them calls and reads, what names
-- stand for, which globals it writes. Used by kgw.plugin.scan. The text has been compiled before, so it is right Lua.
--
-- Values are tables with `kind`:
--   path     base (a variable, a global's name or another value) and keys, the constant fields that follow
--   fn       fn: a function of this file
--   table    fields: name -> value, items, line
--   require  name of the module
--   call     what a call gave: target, args; `fields` takes what is stored in it
--   const    value: text or number; other: anything else
-- A function is { name, line, parent, params, uses }; a use { value, line, how = "call"|"read", args }.
-- A variable is { name, line, value, writes = how often it was set }.
local lexer = require "kgw.plugin.lexer"

local Parser = {}
Parser.__index = Parser

local parser = {}

local BINARY = {
  ["or"] = true, ["and"] = true, ["<"] = true, [">"] = true, ["<="] = true, [">="] = true, ["~="] = true, ["=="] = true,
  [".."] = true, ["+"] = true, ["-"] = true, ["*"] = true, ["/"] = true, ["%"] = true, ["^"] = true,
}
local BLOCK_ENDS = { ["end"] = true, ["else"] = true, ["elseif"] = true, ["until"] = true }
local OTHER = { kind = "other" }


function Parser:peek(value)
  local token = self.tokens[self.at]
  return token[2] == value and (token[1] == "op" or token[1] == "keyword")
end


function Parser:take()
  local token = self.tokens[self.at]
  self.at = self.at + 1
  self.line = token[3]
  return token[2], token[1]
end


function Parser:accept(value)
  if self:peek(value) then
    return self:take()
  end
end


function Parser:expect(value)
  if not self:accept(value) then
    local token = self.tokens[self.at]
    error(("line %d: '%s' expected near '%s'"):format(token[3], value, token[2]), 0)
  end
end


function Parser:declare(name, value)
  local scope = self.scopes[#self.scopes]
  local variable = { name = name, line = self.line, value = value, writes = value and 1 or 0 }
  scope[name] = variable
  return variable
end


function Parser:find(name)
  for i = #self.scopes, 1, -1 do
    local variable = self.scopes[i][name]
    if variable then
      return variable
    end
  end
end


function Parser:use(value, line, how, args)
  local uses = self.fn.uses
  uses[#uses + 1] = { value = value, line = line, how = how, args = args }
end


function Parser:list()
  local values = { self:expression() }
  while self:accept(",") do
    values[#values + 1] = self:expression()
  end
  return values
end


-- Parameters and body of a function, "function" and its name being taken.
function Parser:body(name, has_self)
  local fn = { name = name, line = self.line, parent = self.fn, params = {}, uses = {} }
  self.functions[#self.functions + 1] = fn
  self:expect("(")
  self.scopes[#self.scopes + 1] = {}
  if has_self then
    fn.params[1] = self:declare("self")
  end
  while not self:accept(")") do
    local word, kind = self:take()
    if kind == "name" then
      fn.params[#fn.params + 1] = self:declare(word)
    end
  end
  self.fn = fn
  self:block()
  self.fn = fn.parent
  self.scopes[#self.scopes] = nil
  self:expect("end")
  return { kind = "fn", fn = fn, line = fn.line }
end


function Parser:table_entry(out)
  local line = self.tokens[self.at][3]
  local token, next_token = self.tokens[self.at], self.tokens[self.at + 1]
  if token[1] == "name" and next_token[2] == "=" and next_token[1] == "op" then
    self:take()
    self:take()
    out.fields[token[2]] = self:expression(token[2])
    out.lines[token[2]] = line
    return
  end
  if self:accept("[") then
    local key = self:expression()
    self:expect("]")
    self:expect("=")
    local value = self:expression()
    if key.kind == "const" then
      out.fields[key.value] = value
      out.lines[key.value] = line
    end
    return
  end
  out.items[#out.items + 1] = self:expression()
  out.item_lines[#out.items] = line
end


function Parser:table()
  local out = { kind = "table", fields = {}, lines = {}, items = {}, item_lines = {}, line = self.line }
  while not self:accept("}") do
    self:table_entry(out)
    if not self:accept(",") then
      self:accept(";")
    end
  end
  return out
end


-- The arguments of a call, whose first token is "(", "{" or a string.
function Parser:arguments()
  if self:accept("(") then
    if self:accept(")") then
      return {}
    end
    local args = self:list()
    self:expect(")")
    return args
  elseif self:accept("{") then
    return { self:table() }
  end
  return { { kind = "const", value = (self:take()) } }
end


function Parser:is_call()
  local token = self.tokens[self.at]
  return token[1] == "string" or self:peek("(") or self:peek("{")
end


local function is_require(value)
  return value.kind == "path" and value.base == "require" and #value.keys == 0
end


function Parser:call(value, line)
  local args = self:arguments()
  self:use(value, line, "call", args)
  local first = args[1]
  if is_require(value) and first and first.kind == "const" then
    self.requires[#self.requires + 1] = { name = first.value, line = line }
    return { kind = "require", name = first.value, line = line }
  end
  return { kind = "call", target = value, args = args, fields = {}, lines = {}, line = line }
end


-- A value and one more key.
local function with_key(value, key)
  local keys = {}
  if value.kind == "path" then
    for i = 1, #value.keys do
      keys[i] = value.keys[i]
    end
    keys[#keys + 1] = key
    return { kind = "path", base = value.base, keys = keys, line = value.line }
  end
  return { kind = "path", base = value, keys = { key }, line = value.line }
end


-- A name or a parenthesis with what follows it. With is_target the last step is not counted as a read.
function Parser:suffixed(is_target)
  local line = self.tokens[self.at][3]
  local value
  if self:accept("(") then
    value = self:expression()
    self:expect(")")
  else
    local name = self:take()
    value = { kind = "path", base = self:find(name) or name, keys = {}, line = line }
  end
  local is_fresh = true
  while true do
    line = self.tokens[self.at][3]
    if self:accept(".") then
      value, is_fresh = with_key(value, (self:take())), true
    elseif self:accept("[") then
      local key = self:expression()
      self:expect("]")
      if key.kind == "const" then
        value, is_fresh = with_key(value, key.value), true
      else
        self:use(value, line, "read")
        value, is_fresh = { kind = "other", line = line, is_index = true }, false
      end
    elseif self:accept(":") then
      value, is_fresh = self:call(with_key(value, (self:take())), line), false
    elseif self:is_call() then
      value, is_fresh = self:call(value, line), false
    else
      break
    end
  end
  if is_fresh and not is_target and value.kind == "path" then
    self:use(value, value.line or line, "read")
  end
  return value
end


function Parser:simple(name)
  local token = self.tokens[self.at]
  local kind, text = token[1], token[2]
  if kind == "string" or kind == "number" then
    self:take()
    local value = { kind = "const", value = kind == "number" and tonumber(text) or text, is_text = kind == "string", line = token[3] }
    return value
  elseif self:accept("{") then
    return self:table()
  elseif self:accept("function") then
    return self:body(name or "an anonymous function")
  elseif text == "nil" or text == "true" or text == "false" or text == "..." then
    self:take()
    return { kind = "other", word = text, line = token[3] }
  elseif kind == "name" or text == "(" then
    return self:suffixed()
  end
  error(("line %d: unexpected '%s'"):format(token[3], text), 0)
end


-- Precedence does not matter here: what counts is what is mentioned. `a or b` stands for a, or for b when a is unknown.
function Parser:expression(name)
  if self:accept("not") or self:accept("-") or self:accept("#") then
    self:expression()
    return OTHER
  end
  local value = self:simple(name)
  local token = self.tokens[self.at]
  if BINARY[token[2]] and token[1] ~= "string" then
    self:take()
    local right = self:expression()
    if token[2] == "or" then
      return value.kind == "other" and right or value
    end
    return token[2] == "and" and right or OTHER
  end
  return value
end


-- Stores a value where an assignment's target says.
function Parser:store(target, value, line)
  if target.kind ~= "path" then
    return
  end
  local base, keys = target.base, target.keys
  if #keys == 0 then
    if type(base) == "table" and base.name then
      base.value = base.value or value
      base.writes = base.writes + 1
    elseif type(base) == "string" then
      self.globals[#self.globals + 1] = { name = base, line = line, is_inner = self.fn.parent ~= nil }
    end
    return
  end
  local holder = type(base) == "table" and base.name and base.value or base
  for i = 1, #keys - 1 do
    holder = type(holder) == "table" and holder.fields and holder.fields[keys[i]]
  end
  if type(holder) == "table" and holder.fields then
    holder.fields[keys[#keys]] = value
    holder.lines[keys[#keys]] = line
  elseif type(base) == "string" then
    self.globals[#self.globals + 1] = { name = base, keys = keys, line = line }
  end
end


function Parser:local_statement()
  if self:accept("function") then
    local name = self:take()
    local variable = self:declare(name)
    variable.value = self:body(name)
    variable.writes = 1
    return
  end
  local names, line = {}, self.line
  repeat
    names[#names + 1] = self:take()
    if self:accept("<") then
      self:take()
      self:expect(">")
    end
  until not self:accept(",")
  local values = self:accept("=") and self:list() or {}
  self.line = line
  for i = 1, #names do
    self:declare(names[i], values[i])
  end
end


function Parser:function_statement()
  local line = self.line
  local name = self:take()
  local target = { kind = "path", base = self:find(name) or name, keys = {}, line = line }
  local has_self = false
  while self:peek(".") or self:peek(":") do
    has_self = self:take() == ":"
    target = with_key(target, (self:take()))
    name = name .. (has_self and ":" or ".") .. target.keys[#target.keys]
  end
  self:store(target, self:body(name, has_self), line)
end


function Parser:for_statement()
  self.scopes[#self.scopes + 1] = {}
  local names = {}
  repeat
    names[#names + 1] = self:take()
  until not self:accept(",")
  if not self:accept("=") then
    self:expect("in")
  end
  self:list()
  for i = 1, #names do
    self:declare(names[i])
  end
  self:expect("do")
  self:block()
  self:expect("end")
  self.scopes[#self.scopes] = nil
end


function Parser:if_statement()
  self:expression()
  self:expect("then")
  self:block()
  while self:accept("elseif") do
    self:expression()
    self:expect("then")
    self:block()
  end
  if self:accept("else") then
    self:block()
  end
  self:expect("end")
end


function Parser:expression_statement()
  local line = self.tokens[self.at][3]
  local targets = { self:suffixed(true) }
  while self:accept(",") do
    targets[#targets + 1] = self:suffixed(true)
  end
  if not self:accept("=") then
    return
  end
  local values = self:list()
  for i = 1, #targets do
    self:store(targets[i], values[i] or OTHER, line)
  end
end


function Parser:return_statement()
  local token = self.tokens[self.at]
  if BLOCK_ENDS[token[2]] and token[1] == "keyword" or token[1] == "eof" or token[2] == ";" then
    self:accept(";")
    return
  end
  local line = self.line
  local values = self:list()
  self:accept(";")
  if not self.fn.parent then
    self.result, self.result_line = values[1], line
  end
end


local STATEMENTS = {
  ["local"] = Parser.local_statement,
  ["function"] = Parser.function_statement,
  ["for"] = Parser.for_statement,
  ["if"] = Parser.if_statement,
  ["return"] = Parser.return_statement,
  ["while"] = function(self)
    self:expression()
    self:expect("do")
    self:block()
    self:expect("end")
  end,
  ["do"] = function(self)
    self:block()
    self:expect("end")
  end,
  ["repeat"] = function(self)
    self:block(function()
      self:expect("until")
      self:expression()
    end)
  end,
  ["break"] = function() end,
}


-- Statements up to the word that ends them; `tail` runs while the block's names are still known.
function Parser:block(tail)
  self.scopes[#self.scopes + 1] = {}
  while true do
    local token = self.tokens[self.at]
    if token[1] == "eof" or (token[1] == "keyword" and BLOCK_ENDS[token[2]]) then
      break
    end
    local following = self.tokens[self.at + 1]
    if token[1] == "keyword" and STATEMENTS[token[2]] then
      self:take()
      STATEMENTS[token[2]](self)
    elseif token[2] == "::" then
      self.at = self.at + 3
    elseif token[2] == ";" then
      self:take()
    elseif token[2] == "goto" and following[1] == "name" then
      self.at = self.at + 2
    else
      self:expression_statement()
    end
  end
  if tail then
    tail()
  end
  self.scopes[#self.scopes] = nil
end


--- text -> { main, functions, globals, requires, result, result_line }, or nil, err. `main` is the file itself as a function;
-- globals: array of { name, keys, line, is_inner (in a
-- function) } that are written; requires: array of { name, line }.
function parser.parse(text)
  local main = { name = "the file", line = 1, params = {}, uses = {}, is_main = true }
  local self = setmetatable({
    tokens = lexer.tokens(text), at = 1, line = 1, scopes = { {} }, fn = main, functions = { main }, globals = {}, requires = {},
  }, Parser)
  local ok, err = pcall(self.block, self)
  if not ok then
    return nil, err
  end
  return { main = main, functions = self.functions, globals = self.globals, requires = self.requires, result = self.result,
           result_line = self.result_line }
end


return parser
