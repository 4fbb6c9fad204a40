-- Text of an expression route -> a checked tree. The language is that of Kong's expressions flavour: predicates
-- "field operator literal" joined by && and ||, where || binds tighter than &&, and !( ... ) negates.
-- Used by kong.router.expression at build time and by the route schema. Must never run a user's pattern.
local byte = string.byte
local find = string.find
local fmt = string.format
local match = string.match
local sub = string.sub

local address = require "kong.router.address"

local parser = {}

local STRING, INT, ADDRESS = "String", "Int", "IpAddr"

local HTTP_FIELDS = {
  ["net.protocol"] = STRING, ["tls.sni"] = STRING, ["http.method"] = STRING, ["http.host"] = STRING, ["http.path"] = STRING,
  ["http.path.segments.len"] = INT, ["net.src.ip"] = ADDRESS, ["net.src.port"] = INT, ["net.dst.ip"] = ADDRESS,
  ["net.dst.port"] = INT, ["net.port"] = INT,
}
local STREAM_FIELDS = {
  ["net.protocol"] = STRING, ["tls.sni"] = STRING, ["net.src.ip"] = ADDRESS, ["net.src.port"] = INT,
  ["net.dst.ip"] = ADDRESS, ["net.dst.port"] = INT, ["net.port"] = INT,
}

-- Operators and the kinds of literals they take, by the field's type.
local OPERATORS = {
  ["=="] = { [STRING] = STRING, [INT] = INT, [ADDRESS] = ADDRESS },
  ["!="] = { [STRING] = STRING, [INT] = INT, [ADDRESS] = ADDRESS },
  ["~"] = { [STRING] = STRING },
  ["^="] = { [STRING] = STRING },
  ["=^"] = { [STRING] = STRING },
  ["contains"] = { [STRING] = STRING },
  [">"] = { [INT] = INT }, [">="] = { [INT] = INT }, ["<"] = { [INT] = INT }, ["<="] = { [INT] = INT },
  ["in"] = { [ADDRESS] = "IpCidr" },
  ["not in"] = { [ADDRESS] = "IpCidr" },
}
local SYMBOLS = { "==", "!=", "^=", "=^", ">=", "<=", "&&", "||", ">", "<", "~", "(", ")", "!", "," }
local ESCAPES = { n = "\n", r = "\r", t = "\t", ['"'] = '"', ["\\"] = "\\" }


-- Type of a field, or nil.
local function type_of_field(name, fields)
  local found = fields[name]
  if found or fields == STREAM_FIELDS then
    return found
  end
  if find(name, "^http%.headers%.[a-z0-9_]+$") or find(name, "^http%.queries%..+$") then
    return STRING
  end
  local from, to = match(name, "^http%.path%.segments%.(%d+)_(%d+)$")
  if from and tonumber(from) < tonumber(to) then
    return STRING
  end
  return find(name, "^http%.path%.segments%.%d+$") and STRING or nil
end


local function read_quoted(text, at)
  local out, i = {}, at + 1
  while true do
    local c = sub(text, i, i)
    if c == "" then
      return nil
    end
    if c == '"' then
      return table.concat(out), i + 1
    end
    if c == "\\" then
      local escaped = ESCAPES[sub(text, i + 1, i + 1)]
      if not escaped then
        return nil
      end
      out[#out + 1] = escaped
      i = i + 2
    else
      out[#out + 1] = c
      i = i + 1
    end
  end
end


local function read_number(word)
  local sign, digits = match(word, "^(%-?)(%w+)$")
  if not digits then
    return nil
  end
  local value
  if find(digits, "^0x%x+$") then
    value = tonumber(digits)
  elseif find(digits, "^0[0-7]+$") then
    value = tonumber(digits, 8)
  elseif find(digits, "^%d+$") then
    value = tonumber(digits, 10)
  end
  return value and (sign == "-" and -value or value)
end


local function word_token(word)
  local number = read_number(word)
  if number then
    return { kind = INT, value = number }
  end
  if address.network(word) and (find(word, ".", 1, true) or find(word, ":", 1, true)) then
    return { kind = find(word, "/", 1, true) and "IpCidr" or ADDRESS, value = word }
  end
  return { kind = "word", value = word }
end


local function next_token(text, at)
  if byte(text, at) == 34 then
    local value, behind = read_quoted(text, at)
    return value and { kind = STRING, value = value }, behind
  end
  if sub(text, at, at + 2) == 'r#"' then
    local last = find(text, '"#', at + 3, true)
    return last and { kind = STRING, value = sub(text, at + 3, last - 1), is_raw = true }, last and last + 2
  end
  for i = 1, #SYMBOLS do
    local symbol = SYMBOLS[i]
    if sub(text, at, at + #symbol - 1) == symbol then
      return { kind = "symbol", value = symbol }, at + #symbol
    end
  end
  local word = match(text, "^[%w_%.:/%-%*]+", at)
  if word then
    return word_token(word), at + #word
  end
end


local function tokenize(text)
  local out, at = {}, 1
  while true do
    at = find(text, "%S", at)
    if not at then
      out[#out + 1] = { kind = "end", at = #text + 1 }
      return out
    end
    local token, behind = next_token(text, at)
    if not token then
      return nil, fmt("expected a predicate at position %d", at)
    end
    token.at = at
    out[#out + 1] = token
    at = behind
  end
end


local function is(token, value)
  return (token.kind == "symbol" or token.kind == "word") and token.value == value
end


local function fail(token, what)
  error({ message = fmt("expected %s at position %d", what, token.at) }, 0)
end


-- field, or transformation(field)
local function parse_left(state)
  local token = state.tokens[state.at]
  if token.kind ~= "word" then
    return fail(token, "a field")
  end
  local following = state.tokens[state.at + 1]
  if is(following, "(") then
    if token.value ~= "lower" and token.value ~= "any" then
      error({ message = "unknown transformation function: " .. token.value }, 0)
    end
    state.at = state.at + 2
    local inner = parse_left(state)
    if not is(state.tokens[state.at], ")") then
      return fail(state.tokens[state.at], '")"')
    end
    state.at = state.at + 1
    if token.value == "lower" then
      if inner.type ~= STRING then
        error({ message = "lower-case transformation function only supported with String type fields" }, 0)
      end
      inner.is_lower = true
    else
      inner.is_any = true
    end
    return inner
  end
  local field_type = type_of_field(token.value, state.fields)
  if not field_type then
    error({ message = "Unknown LHS field" }, 0)
  end
  state.at = state.at + 1
  return { op = "field", name = token.value, type = field_type }
end


local function parse_operator(state)
  local token = state.tokens[state.at]
  if is(token, "not") and is(state.tokens[state.at + 1], "in") then
    state.at = state.at + 2
    return "not in"
  end
  if (token.kind == "symbol" or token.kind == "word") and OPERATORS[token.value] then
    state.at = state.at + 1
    return token.value
  end
  return fail(token, "an operator")
end


local function parse_predicate(state)
  local left = parse_left(state)
  local operator = parse_operator(state)
  local right = state.tokens[state.at]
  local wanted = OPERATORS[operator][left.type]
  if not wanted or right.kind ~= wanted then
    if right.kind == "symbol" or right.kind == "word" or right.kind == "end" then
      return fail(right, "a literal")
    end
    if (operator == "in" or operator == "not in") and left.type == ADDRESS then
      error({ message = "In/NotIn operators only supports IP in CIDR" }, 0)
    end
    error({ message = "Type mismatch between the LHS and RHS values of predicate" }, 0)
  end
  state.at = state.at + 1
  return { op = operator, left = left, value = right.value }
end


local parse_and


local function parse_term(state)
  local token = state.tokens[state.at]
  local is_negated = false
  if is(token, "!") then
    is_negated = true
    state.at = state.at + 1
    token = state.tokens[state.at]
    if not is(token, "(") then
      return fail(token, '"("')
    end
  end
  if not is(token, "(") then
    return parse_predicate(state)
  end
  state.at = state.at + 1
  local inner = parse_and(state)
  if not is(state.tokens[state.at], ")") then
    return fail(state.tokens[state.at], '")"')
  end
  state.at = state.at + 1
  return is_negated and { op = "not", inner } or inner
end


local function parse_list(state, symbol, parse_item, op)
  local first = parse_item(state)
  if not is(state.tokens[state.at], symbol) then
    return first
  end
  local node = { op = op, first }
  while is(state.tokens[state.at], symbol) do
    state.at = state.at + 1
    node[#node + 1] = parse_item(state)
  end
  return node
end


local function parse_or(state)
  return parse_list(state, "||", parse_term, "or")
end


function parse_and(state)
  return parse_list(state, "&&", parse_or, "and")
end


-- Tree of { op = "and" | "or" | "not", children... } and { op = operator, left = { name, type, is_lower, is_any }, value },
-- or nil, err.
function parser.parse(text, subsystem)
  local tokens, err = tokenize(text)
  if not tokens then
    return nil, err
  end
  local state = { tokens = tokens, at = 1, fields = subsystem == "stream" and STREAM_FIELDS or HTTP_FIELDS }
  local ok, tree = pcall(function()
    local found = parse_and(state)
    if tokens[state.at].kind ~= "end" then
      fail(tokens[state.at], "the end of the expression")
    end
    return found
  end)
  if not ok then
    return nil, type(tree) == "table" and tree.message or tostring(tree)
  end
  return tree
end


return parser
