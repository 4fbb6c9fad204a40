-- Path and header regexes of routes: the form ngx.re is given, and the literal text every match must begin with.
-- Used by kong.router.{index,attributes} at build time and by kong.router on requests. Must never run user patterns
-- at build time, nor guess a prefix that a match may lack.
local re_match = ngx.re.match
local re_find = ngx.re.find
local byte = string.byte
local find = string.find
local sub = string.sub

local regex = {}


local BACKSLASH, OPEN_CLASS, CLOSE_CLASS = byte("\\"), byte("["), byte("]")
local OPEN, CLOSE, BAR, DOLLAR, CARET = byte("("), byte(")"), byte("|"), byte("$"), byte("^")

-- Bytes that may make what stands before them optional or repeated.
local QUANTIFIERS = { [byte("?")] = true, [byte("*")] = true, [byte("+")] = true, [byte("{")] = true }
-- Bytes with a meaning of their own; they end the literal part.
local SPECIAL = {
  [byte(".")] = true, [byte("[")] = true, [byte("]")] = true, [byte("(")] = true, [byte(")")] = true,
  [byte("^")] = true, [byte("$")] = true, [byte("|")] = true, [byte("}")] = true,
}


-- Index behind a class that opens at `i`; a "]" right after "[" or "[^" is literal.
local function skip_class(pattern, i)
  local len = #pattern
  i = i + 1
  if byte(pattern, i) == CARET then
    i = i + 1
  end
  if byte(pattern, i) == CLOSE_CLASS then
    i = i + 1
  end
  while i <= len do
    local c = byte(pattern, i)
    if c == BACKSLASH then
      i = i + 1
    elseif c == OPEN_CLASS then
      local _, last = find(pattern, "^%[:%^?%a+:%]", i)
      i = last or i
    elseif c == CLOSE_CLASS then
      return i + 1
    end
    i = i + 1
  end
  return i
end


local function has_top_level_bar(pattern)
  local i, len, depth = 1, #pattern, 0
  while i <= len do
    local c = byte(pattern, i)
    if c == BACKSLASH then
      i = i + 2
    elseif c == OPEN_CLASS then
      i = skip_class(pattern, i)
    else
      if c == OPEN then
        depth = depth + 1
      elseif c == CLOSE then
        depth = depth - 1
      elseif c == BAR and depth <= 0 then
        return true
      end
      i = i + 1
    end
  end
  return false
end


-- Takes the last character off: in UTF-8 it may be several bytes.
local function without_last(text)
  local n = #text
  while n > 1 and byte(text, n) >= 0x80 and byte(text, n) < 0xc0 do
    n = n - 1
  end
  return sub(text, 1, n - 1)
end


-- The text with which every match begins; "" when none is certain.
function regex.literal_prefix(pattern)
  if has_top_level_bar(pattern) or find(pattern, "\\Q", 1, true) then
    return ""
  end
  local out = ""
  local i, len = 1, #pattern
  if byte(pattern, 1) == CARET then
    i = 2
  end
  while i <= len do
    local c = byte(pattern, i)
    if QUANTIFIERS[c] then
      return without_last(out)
    end
    if SPECIAL[c] then
      return out
    end
    if c == BACKSLASH then
      i = i + 1
      -- An escaped letter or digit is a class, an assertion or a reference.
      if i > len or find(pattern, "^[%w\128-\255]", i) then
        return out
      end
    end
    out = out .. sub(pattern, i, i)
    i = i + 1
  end
  return out
end


-- In Rust "$" is the end of the text only; in PCRE also the place before a last line feed.
local function strict_end(pattern)
  if not find(pattern, "$", 1, true) or find(pattern, "%(%?%a*m") then
    return pattern
  end
  local out, from, i, len = "", 1, 1, #pattern
  while i <= len do
    local c = byte(pattern, i)
    if c == BACKSLASH then
      i = i + 2
    elseif c == OPEN_CLASS then
      i = skip_class(pattern, i)
    else
      if c == DOLLAR then
        out = out .. sub(pattern, from, i - 1) .. "\\z"
        from = i + 1
      end
      i = i + 1
    end
  end
  return out .. sub(pattern, from)
end


-- Compatible flavour: Unicode classes and code points as Rust has them. The options come along with the pattern.
function regex.compatible(pattern)
  return "(*UCP)" .. strict_end(pattern), "jou"
end


function regex.pcre(pattern)
  return pattern, "jo"
end


-- Captures of a match at the beginning of `text`, or nil. A pattern that fails at run time does not match.
function regex.match_start(text, pattern, options)
  return (re_match(text, pattern, options))
end


function regex.is_found(text, pattern, options)
  return (re_find(text, pattern, options)) ~= nil
end


return regex
