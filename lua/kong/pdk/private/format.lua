-- Formats of kong.log: text with "%file_src", "%line_src", "%func_name", "%namespace" and "%message", compiled once into
-- a list of literals and fields. "%%" keeps what follows from being a field.
local byte = string.byte
local concat = table.concat
local find = string.find
local getinfo = debug.getinfo
local match = string.match
local sub = string.sub

local format = {}

local PERCENT = byte("%")

-- Flag of debug.getinfo and how to read the field.
local FIELDS = {
  file_src = { "S", function(info)
    local source = info.short_src
    return source and match(source, "[^/]*$")
  end },
  line_src = { "l", function(info)
    return info.currentline
  end },
  func_name = { "n", function(info)
    return info.name
  end },
}


-- { flags, n, [i] = literal | function | true (the message) }. `namespace` takes the place of "%namespace".
function format.compile(text, namespace)
  local out, n, from = { flags = "" }, 0, 1
  local at = 1
  while true do
    local first, last, name = find(text, "%%([a-z_]+)", at)
    if not first then
      break
    end
    local is_escaped = first > 1 and byte(text, first - 1) == PERCENT
    local field = FIELDS[name]
    if not is_escaped and (field or name == "message" or name == "namespace") then
      n = n + 1
      out[n] = sub(text, from, first - 1)
      n = n + 1
      if field then
        out.flags = out.flags .. field[1]
        out[n] = field[2]
      else
        out[n] = name == "message" and true or namespace
      end
      from = last + 1
    end
    at = last + 1
  end
  n = n + 1
  out[n] = sub(text, from)
  out.n = n
  return out
end


local parts = {}


-- The line for a message written by the function `level` frames up.
function format.render(compiled, level, message)
  local info = compiled.flags ~= "" and getinfo(level + 1, compiled.flags)
  for i = 1, compiled.n do
    local piece = compiled[i]
    if piece == true then
      piece = message
    elseif type(piece) == "function" then
      piece = info and piece(info) or "?"
    end
    parts[i] = piece
  end
  return concat(parts, "", 1, compiled.n)
end


-- Text in a box of `width` columns, as a list of lines; `header` is drawn into the upper border.
function format.box(header, text, width)
  local lines = { header .. ("-"):rep(width + 2 - #header) .. "+" }
  for line in (text .. "\n"):gmatch("([^\n]*)\n") do
    repeat
      local part = sub(line, 1, width)
      line = sub(line, width + 1)
      lines[#lines + 1] = "|" .. part .. (" "):rep(width - #part) .. "|"
    until line == ""
  end
  lines[#lines + 1] = "+" .. ("-"):rep(width) .. "+"
  return lines
end


return format
