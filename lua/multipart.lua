-- multipart/form-data bodies: multipart(body, content_type) gives an object with get, get_all, get_as_array,
-- get_all_with_arrays, set_simple, delete and tostring.
-- Used by kong.request.get_body, request-transformer and custom plugins. Parts keep their order and their bytes.
local concat = table.concat
local find = string.find
local fmt = string.format
local sub = string.sub

local multipart = {}
multipart.__index = multipart


-- content_type: may be a list, as repeated headers are.
local function boundary_of(content_type)
  if type(content_type) == "table" then
    content_type = content_type[1]
  end
  if type(content_type) ~= "string" then
    return nil
  end
  return content_type:match('boundary="([^"]+)"') or content_type:match("boundary=([^%s;,]+)")
end


-- {name =, value =, headers = {lines}} of the text between two delimiters.
local function parse_part(text)
  local headers_end, value_start = find(text, "\r\n\r\n", 1, true)
  if sub(text, 1, 2) == "\r\n" then
    headers_end, value_start = 0, 2
  end
  if not headers_end then
    return nil
  end
  local part = { headers = {}, value = sub(text, value_start + 1) }
  for line in sub(text, 1, headers_end):gmatch("[^\r\n]+") do
    part.headers[#part.headers + 1] = line
    if line:lower():find("^content%-disposition:") then
      local _, at = line:lower():find("[;%s]name=")
      if at then
        part.name = line:match('^"(.-)"', at + 1) or line:match("^([^;%s]+)", at + 1)
      end
    end
  end
  return part
end


local function parse(body, boundary)
  local parts = {}
  local delimiter = "--" .. boundary
  -- Every delimiter but the first one begins with the line break that ends the part before it.
  local text = "\r\n" .. body
  local mark = "\r\n" .. delimiter
  local _, at = find(text, mark, 1, true)
  while at do
    local rest = sub(text, at + 1, at + 2)
    if rest == "--" then
      break
    end
    local line_end = find(text, "\r\n", at + 1, true)
    local stop, after = find(text, mark, at + 1, true)
    if not line_end or not stop then
      break
    end
    local part = parse_part(sub(text, line_end + 2, stop - 1))
    if part and part.name then
      parts[#parts + 1] = part
    end
    at = after
  end
  return parts
end


function multipart:get(name)
  for _, part in ipairs(self.parts) do
    if part.name == name then
      return part
    end
  end
  return nil
end


-- {name = value}; of repeated names the last one counts.
function multipart:get_all()
  local all = {}
  for _, part in ipairs(self.parts) do
    all[part.name] = part.value
  end
  return all
end


function multipart:get_as_array(name)
  local values = {}
  for _, part in ipairs(self.parts) do
    if part.name == name then
      values[#values + 1] = part.value
    end
  end
  return values
end


-- {name = value}, with a list of values for repeated names.
function multipart:get_all_with_arrays()
  local all, counts = {}, {}
  for _, part in ipairs(self.parts) do
    local name = part.name
    local n = counts[name] or 0
    if n == 0 then
      all[name] = part.value
    elseif n == 1 then
      all[name] = { all[name], part.value }
    else
      all[name][n + 1] = part.value
    end
    counts[name] = n + 1
  end
  return all
end


-- Sets a part, in the place of an earlier one of the same name.
function multipart:set_simple(name, value, filename, content_type)
  local disposition = fmt('Content-Disposition: form-data; name="%s"', name)
  if filename then
    disposition = disposition .. fmt('; filename="%s"', filename)
  end
  local part = { name = name, value = value, headers = { disposition } }
  if content_type then
    part.headers[2] = "content-type: " .. content_type
  end
  for i, other in ipairs(self.parts) do
    if other.name == name then
      self.parts[i] = part
      return
    end
  end
  self.parts[#self.parts + 1] = part
end


function multipart:delete(name)
  local kept = {}
  for _, part in ipairs(self.parts) do
    if part.name ~= name then
      kept[#kept + 1] = part
    end
  end
  self.parts = kept
end


function multipart:tostring()
  local out = {}
  for _, part in ipairs(self.parts) do
    out[#out + 1] = "--" .. self.boundary .. "\r\n" .. concat(part.headers, "\r\n") .. "\r\n\r\n" .. part.value
  end
  out[#out + 1] = "--" .. self.boundary .. "--\r\n"
  return concat(out, "\r\n")
end


return setmetatable({}, {
  __call = function(_, body, content_type)
    local boundary = boundary_of(content_type)
    return setmetatable({
      boundary = boundary,
      parts = boundary and body and parse(body, boundary) or {},
    }, multipart)
  end,
})
