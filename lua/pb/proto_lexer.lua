-- Tokens of .proto texts.
local find = string.find
local sub = string.sub
local char = string.char
local gsub = string.gsub

local Lexer = {}
Lexer.__index = Lexer

local ESCAPES = { a = "\a", b = "\b", f = "\f", n = "\n", r = "\r", t = "\t", v = "\v", ["\\"] = "\\", ["'"] = "'",
                  ['"'] = '"', ["?"] = "?" }


function Lexer.new(text, name)
  local self = setmetatable({ text = text, name = name or "<input>", at = 1 }, Lexer)
  self:advance()
  return self
end


function Lexer:fail(message)
  local _, lines = gsub(sub(self.text, 1, self.start or self.at), "\n", "")
  error(("%s:%d: %s"):format(self.name, lines + 1, message), 0)
end


local function skip_space(self)
  local text, at = self.text, self.at
  while true do
    at = find(text, "%S", at) or #text + 1
    if sub(text, at, at + 1) == "//" then
      at = find(text, "\n", at, true) or #text + 1
    elseif sub(text, at, at + 1) == "/*" then
      local _, stop = find(text, "*/", at + 2, true)
      if not stop then
        self:fail("unfinished comment")
      end
      at = stop + 1
    else
      break
    end
  end
  self.at = at
end


local function unescape(body)
  body = gsub(body, "\\x(%x%x?)", function(hex)
    return char(tonumber(hex, 16))
  end)
  body = gsub(body, "\\([0-7][0-7]?[0-7]?)", function(octal)
    return char(tonumber(octal, 8) % 256)
  end)
  return (gsub(body, "\\(.)", ESCAPES))
end


local function take_string(self, quote)
  local text, at = self.text, self.at + 1
  while true do
    local stop = find(text, "[\\" .. quote .. "\n]", at)
    if not stop or sub(text, stop, stop) == "\n" then
      self:fail("unfinished string")
    elseif sub(text, stop, stop) == quote then
      self.kind, self.value = "string", unescape(sub(text, self.at + 1, stop - 1))
      self.at = stop + 1
      return
    end
    at = stop + 2
  end
end


-- Reads the next token into kind ("name", "number", "string", "end" or the symbol itself) and value.
function Lexer:advance()
  skip_space(self)
  local text, at = self.text, self.at
  self.start = at
  if at > #text then
    self.kind, self.value = "end", nil
    return
  end
  local _, stop = find(text, "^[%a_][%w_]*", at)
  if stop then
    self.kind, self.value, self.at = "name", sub(text, at, stop), stop + 1
    return
  end
  _, stop = find(text, "^0[xX]%x+", at)
  if not stop then
    _, stop = find(text, "^%d*%.?%d+[eE][+-]?%d+", at)
  end
  if not stop then
    _, stop = find(text, "^%d*%.?%d+%.?", at)
  end
  if stop then
    self.kind, self.value, self.at = "number", sub(text, at, stop), stop + 1
    return
  end
  local c = sub(text, at, at)
  if c == '"' or c == "'" then
    return take_string(self, c)
  end
  self.kind, self.value, self.at = c, c, at + 1
end


function Lexer:is(kind, value)
  return self.kind == kind and (value == nil or self.value == value)
end


-- Takes the token when it is of that kind (and value); returns its value, or nil.
function Lexer:accept(kind, value)
  if self:is(kind, value) then
    local v = self.value
    self:advance()
    return v
  end
end


function Lexer:expect(kind, what)
  if self.kind ~= kind then
    self:fail((what or "'" .. kind .. "'") .. " expected near '" .. tostring(self.value or "<eof>") .. "'")
  end
  local v = self.value
  self:advance()
  return v
end


function Lexer:expect_word(word)
  if not self:accept("name", word) then
    self:fail("'" .. word .. "' expected near '" .. tostring(self.value or "<eof>") .. "'")
  end
end


-- "a.b.C" or ".a.b.C"
function Lexer:full_name()
  local name = self:accept(".") or ""
  name = name .. self:expect("name", "name")
  while self:accept(".") do
    name = name .. "." .. self:expect("name", "name")
  end
  return name
end


return Lexer
