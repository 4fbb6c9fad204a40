-- resty.ljsonschema.uri: the part of RFC 3986 that references between schemas need.
local concat = table.concat
local find = string.find
local gsub = string.gsub
local lower = string.lower
local match = string.match
local sub = string.sub

local uri = {}


-- Without its fragment, and the fragment as it stands ("" when there is none).
function uri.split(text)
  return match(text, "^([^#]*)#?(.*)$")
end


function uri.unescape(text)
  return (gsub(text, "%%(%x%x)", function(hex)
    return string.char(tonumber(hex, 16))
  end))
end


-- Scheme with its colon, authority with its slashes, path and query with its question mark; "" for what is not there.
local function parts_of(text)
  local scheme, rest = match(text, "^(%a[%w+.-]*:)(.*)$")
  rest = rest or text
  local authority, after = match(rest, "^(//[^/?]*)(.*)$")
  rest = after or rest
  local path, query = match(rest, "^([^?]*)(.*)$")
  return scheme or "", authority or "", path, query
end


-- RFC 3986 5.2.4: without "." and "..".
local function flatten(path)
  if not find(path, ".", 1, true) then
    return path
  end
  local out, count = {}, 0
  local is_folder = false
  for segment in path:gmatch("[^/]+") do
    is_folder = segment == "." or segment == ".."
    if segment == ".." then
      out[count] = nil
      count = count > 0 and count - 1 or 0
    elseif segment ~= "." then
      count = count + 1
      out[count] = segment
    end
  end
  local tail = (is_folder or sub(path, -1) == "/") and count > 0 and "/" or ""
  return (sub(path, 1, 1) == "/" and "/" or "") .. concat(out, "/", 1, count) .. tail
end


local function merge(base_authority, base_path, path)
  if sub(path, 1, 1) == "/" then
    return path
  end
  if base_path == "" and base_authority ~= "" then
    return "/" .. path
  end
  return (match(base_path, "^(.*/)") or "") .. path
end


-- The reference (without a fragment) as seen from base, normalized.
function uri.resolve(base, reference)
  local scheme, authority, path, query = parts_of(reference)
  if scheme ~= "" then
    return lower(scheme) .. lower(authority) .. (authority ~= "" and flatten(path) or path) .. query
  end
  local base_scheme, base_authority, base_path, base_query = parts_of(base)
  if authority == "" then
    authority = base_authority
    if path == "" then
      path = base_path
      query = query ~= "" and query or base_query
    else
      path = merge(base_authority, base_path, path)
    end
  end
  return lower(base_scheme) .. lower(authority) .. flatten(path) .. query
end


return uri
