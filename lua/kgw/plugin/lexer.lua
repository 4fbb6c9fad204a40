-- Lua source text to tokens with line numbers, for kgw.plugin.parser. Knows LuaJIT's numbers and goto.
-- Must never judge anything: the text has been compiled before.
local find = string.find
local sub = string.sub

local lexer = {}

local KEYWORDS = {}
local WORDS = "and break do else elseif end false for function if in local nil not or repeat return then true until while"
for word in WORDS:gmatch("%l+") do
  KEYWORDS[word] = true
end

local OPERATORS = { "...", "..", "==", "~=", "<=", ">=", "::", "//", "<<", ">>" }


local function count_lines(text)
  local _, n = text:gsub("\n", "")
  return n
end


-- The end of a long bracket that opens at `at`, and its content; nil when there is none.
local function long_bracket(text, at)
  local _, stop, equals = find(text, "^%[(=*)%[", at)
  if not stop then
    return nil
  end
  local from, to = find(text, "]" .. equals .. "]", stop + 1, true)
  if not from then
    return nil
  end
  return to, sub(text, stop + 1, from - 1)
end


-- The end of a quoted string that opens at `at`, and what is between the quotes (escapes are left as they are).
local function quoted(text, at)
  local quote = sub(text, at, at)
  local i = at + 1
  while true do
    local c = sub(text, i, i)
    if c == "\\" then
      i = i + 2
    elseif c == quote or c == "" then
      return i, sub(text, at + 1, i - 1)
    else
      i = i + 1
    end
  end
end


-- Where the text goes on after spaces and comments that begin at `at`.
local function skip(text, at)
  while true do
    local _, stop = find(text, "^%s+", at)
    at = stop and stop + 1 or at
    if sub(text, at, at + 1) ~= "--" then
      return at
    end
    stop = long_bracket(text, at + 2)
    if not stop then
      stop = (find(text, "\n", at, true) or #text + 1) - 1
    end
    at = stop + 1
  end
end


local function operator(text, at)
  for i = 1, #OPERATORS do
    local op = OPERATORS[i]
    if sub(text, at, at + #op - 1) == op then
      return op
    end
  end
  return sub(text, at, at)
end


-- One token that starts at `at`: its kind, its value, where it ends.
local function token_at(text, at)
  local _, stop = find(text, "^[%a_][%w_]*", at)
  if stop then
    local word = sub(text, at, stop)
    return KEYWORDS[word] and "keyword" or "name", word, stop
  end
  _, stop = find(text, "^%.?%d[%w.]*", at)
  if stop then
    local has_exponent = find(text, "^0[xX]", at) == nil and find(sub(text, stop, stop), "[eE]") and find(text, "^[+-]%d+", stop + 1)
    if has_exponent then
      _, stop = find(text, "^[+-]%d+", stop + 1)
    end
    return "number", sub(text, at, stop), stop
  end
  local c = sub(text, at, at)
  if c == "\"" or c == "'" then
    local last, value = quoted(text, at)
    return "string", value, last
  end
  local last, value = long_bracket(text, at)
  if last then
    return "string", value, last
  end
  local op = operator(text, at)
  return "op", op, at + #op - 1
end


--- text -> array of { kind, value, line }; kind is "name", "keyword", "string", "number", "op" or, at the end, "eof".
function lexer.tokens(text)
  text = text:gsub("^#[^\n]*", "")
  local list, line, at = {}, 1, 1
  while true do
    local from = skip(text, at)
    line = line + count_lines(sub(text, at, from - 1))
    if from > #text then
      list[#list + 1] = { "eof", "", line }
      return list
    end
    local kind, value, stop = token_at(text, from)
    list[#list + 1] = { kind, value, line }
    line = line + count_lines(sub(text, from, stop))
    at = stop + 1
  end
end


return lexer
