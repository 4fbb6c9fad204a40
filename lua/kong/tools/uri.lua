-- Request paths in Kong's normal form, and the escaping of what is sent upstream.
-- Used by kong.runloop, route schemas and plugins. Must never touch the query string: callers pass the path alone.
local byte = string.byte
local char = string.char
local find = string.find
local fmt = string.format
local gsub = string.gsub
local tonumber = tonumber
local upper = string.upper

local uri = {}


-- Bytes that mean something in a path; their escapes stay, so that "%2F" never becomes a separator.
local RESERVED = {}
for c in ("!*'();:@&=+$,/?%#[]"):gmatch(".") do
  RESERVED[byte(c)] = true
end

-- Bytes sent upstream as they are.
local PLAIN = "[^!#$&'()*+,/:;=?@%[%]A-Za-z0-9_.~%%-]"

local ESCAPES = {}
for i = 0, 255 do
  ESCAPES[char(i)] = fmt("%%%02X", i)
end


local function decode_escape(pair)
  local value = tonumber(pair, 16)
  if RESERVED[value] then
    return "%" .. upper(pair)
  end
  return char(value)
end


-- Takes "." and ".." segments out; above the root there is only the root.
local function remove_dots(path)
  local out, n = {}, 0
  local is_absolute = byte(path, 1) == 47
  local is_dir = false
  for segment in (is_absolute and path:sub(2) or path):gmatch("([^/]*)/?") do
    n = n + 1
    out[n] = segment
  end
  -- The pattern yields one empty segment behind the last one.
  n = n - 1

  local kept = 0
  for i = 1, n do
    local segment = out[i]
    is_dir = segment == "." or segment == ".."
    if segment == ".." then
      kept = kept > 0 and kept - 1 or 0
    elseif segment ~= "." then
      kept = kept + 1
      out[kept] = segment
    end
  end
  local text = table.concat(out, "/", 1, kept)
  if is_absolute then
    text = "/" .. text
  end
  if kept > 0 and (is_dir or byte(path, -1) == 47) then
    text = text .. "/"
  end
  return text
end


-- Escapes of unreserved bytes decoded, the others in upper case, dot segments removed; `merge_slashes` joins "//".
function uri.normalize(path, merge_slashes)
  if find(path, "%", 1, true) then
    path = gsub(path, "%%(%x%x)", decode_escape)
  end
  if merge_slashes and find(path, "//", 1, true) then
    path = gsub(path, "//+", "/")
  end
  if find(path, "/.", 1, true) or byte(path, 1) == 46 then
    path = remove_dots(path)
  end
  return path
end


function uri.escape(path)
  if find(path, PLAIN) then
    return (gsub(path, PLAIN, ESCAPES))
  end
  return path
end


return uri
