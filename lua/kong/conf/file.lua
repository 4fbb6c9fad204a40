-- The text of a kong.conf as a table of strings. Knows the syntax, not the properties.
local concat = table.concat


local function strip(s)
  return (s:gsub("^%s+", ""):gsub("%s+$", ""))
end


-- A "#" that no backslash precedes starts a comment; "\#" is a "#".
local function without_comment(value)
  local from = 1
  while true do
    local at = value:find("#", from, true)
    if not at then
      break
    end
    if at == 1 or value:sub(at - 1, at - 1) ~= "\\" then
      value = value:sub(1, at - 1)
      break
    end
    from = at + 1
  end
  return strip((value:gsub("\\#", "#")))
end


-- Lines with their continuations ("\" at the end) joined.
local function joined_lines(text)
  local out, open = {}, nil
  for line in (text .. "\n"):gmatch("(.-)\r?\n") do
    if open then
      line = open .. line
    end
    if line:sub(-1) == "\\" and not line:match("^%s*[#;]") then
      open = line:sub(1, -2)
    else
      open = nil
      out[#out + 1] = line
    end
  end
  if open then
    out[#out + 1] = open
  end
  return out
end


--- Parses the text. Returns name -> value (no empty values) and a list of remarks about lines that mean nothing.
local function parse(text)
  local values, remarks, section = {}, {}, nil
  for number, line in ipairs(joined_lines(text)) do
    if line:match("^%s*[#;]") or line:match("^%s*$") then
      line = nil
    end
    local header = line and line:match("^%s*%[(.-)%]%s*$")
    if header then
      section = header
      line = nil
    end
    if line then
      local name, value = line:match("^([^=]+)=(.*)$")
      if not name then
        remarks[#remarks + 1] = concat { "line ", number, " is no property: ", strip(line) }
      elseif section then
        remarks[#remarks + 1] = concat { "line ", number, " lies in the section [", section, "] and is not read" }
      else
        name = strip(name):gsub("[^%w]", "_")
        value = without_comment(strip(value))
        if value ~= "" then
          values[name] = value
        end
      end
    end
  end
  return values, remarks
end


--- Reads and parses a file. nil, err when it cannot be read.
local function read(path)
  local file, err = io.open(path, "r")
  if not file then
    return nil, err
  end
  local text
  text, err = file:read("*a")
  file:close()
  if not text then
    return nil, path .. ": " .. err
  end
  return parse(text)
end


return { parse = parse, read = read, strip = strip }
