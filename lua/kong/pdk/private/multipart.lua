-- Builds multipart/form-data bodies from flat tables.
local byte = string.byte
local concat = table.concat
local find = string.find
local fmt = string.format
local next = next
local random = math.random
local sort = table.sort
local sub = string.sub
local tostring = tostring
local type = type

local multipart = {}

local QUOTE = byte('"')
local SIMPLE = { string = true, number = true, boolean = true }


local function boundary_in(mime)
  local _, last = find(mime, "boundary=", 1, true)
  if not last then
    return nil
  end
  if byte(mime, last + 1) == QUOTE then
    local closing = find(mime, '"', last + 2, true)
    return sub(mime, last + 2, closing and closing - 1 or -1)
  end
  return sub(mime, last + 1)
end


-- Sorted names | nil, err.
local function names_of(args)
  local names = {}
  for name, value in next, args do
    if type(name) ~= "string" then
      return nil, fmt('invalid key "%s": got %s, expected string', tostring(name), type(name))
    end
    if not SIMPLE[type(value)] then
      return nil, fmt("invalid value %q: got %s, expected string, number or boolean", name, type(value))
    end
    names[#names + 1] = name
  end
  sort(names)
  return names
end


local function is_in_values(args, boundary)
  local line = "\n--" .. boundary
  for _, value in next, args do
    if find(tostring(value), line, 1, true) then
      return true
    end
  end
  return false
end


-- text, content type | nil, err. The boundary of `mime` is used unless a value contains it.
function multipart.encode(args, mime)
  local names, err = names_of(args)
  if not names then
    return nil, err
  end
  local boundary = boundary_in(mime)
  while not boundary or is_in_values(args, boundary) do
    boundary = tostring(random(1e10))
  end

  local out = {}
  for i = 1, #names do
    out[i] = "--" .. boundary .. '\r\nContent-Disposition: form-data; name="' .. names[i] .. '"\r\n\r\n' ..
             tostring(args[names[i]]) .. "\r\n"
  end
  out[#out + 1] = "--" .. boundary .. "--\r\n"
  return concat(out), "multipart/form-data; boundary=" .. boundary
end


return multipart
