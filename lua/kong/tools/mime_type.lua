-- Media types with their parameters: parsing and comparing.
local find = string.find
local lower = string.lower
local match = string.match
local sub = string.sub
local type = type

local mime_type = {}

-- Characters of RFC 7230's tokens.
local TOKEN = "[%w!#$%%&'*+%-.^_`|~]+"


-- One ";name=value" from `at`: name, value, where the next begins; nil when there is none.
local function parse_param(text, at)
  local _, last, name = find(text, "^%s*;%s*(" .. TOKEN .. ")=", at)
  if not name then
    return nil
  end
  local _, quoted_end, quoted = find(text, '^"([^"]*)"', last + 1)
  if quoted then
    return lower(name), quoted, quoted_end + 1
  end
  local _, value_end, value = find(text, "^(" .. TOKEN .. ")", last + 1)
  if not value then
    return nil
  end
  return lower(name), value, value_end + 1
end


-- type, subtype, parameters | nothing for what is no media type.
function mime_type.parse_mime_type(text)
  local _, last, main, minor = find(text, "^%s*(" .. TOKEN .. ")/(" .. TOKEN .. ")")
  if not main then
    return
  end
  local params, at = {}, last + 1
  while at <= #text do
    local name, value, rest = parse_param(text, at)
    if not name then
      if match(text, "^%s*;?%s*$", at) then
        break
      end
      return
    end
    params[name] = value
    at = rest
  end
  return lower(main), lower(minor), params
end


-- Does `this` ({ type, subtype }) cover `other`? Wildcards cover everything, "json" covers "problem+json".
function mime_type.includes(this, other)
  if type(this) ~= "table" then
    error("this must be a table", 2)
  end
  if type(other) ~= "table" then
    error("other must be a table", 2)
  end
  if this.type == "*" then
    return true
  end
  if this.type ~= other.type then
    return false
  end
  local minor = this.subtype
  if minor == "*" or minor == other.subtype then
    return true
  end
  return not find(minor, "+", 1, true) and sub(other.subtype, -#minor - 1) == "+" .. minor
end


return mime_type
