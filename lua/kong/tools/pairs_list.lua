-- The "name:value" lists of the transformer plugins, taken apart once per configuration.
-- Used by plugins. A list is an array inside a configuration and the key of what is kept about it.
local match = string.match

local pairs_list = {}

local parsed = setmetatable({}, { __mode = "k" })


-- {names = {...}, values = {...}, n =}; values[i] is false when there is none. Nil lists count as empty.
function pairs_list.of(list)
  local result = parsed[list]
  if not result then
    result = { names = {}, values = {}, n = #list }
    for i, entry in ipairs(list) do
      local name, value = match(entry, "^([^:]+):*(.-)$")
      result.names[i] = name or entry
      result.values[i] = value and value ~= "" and value
    end
    parsed[list] = result
  end
  return result
end


-- Checks for schemas: is the name before the colon, and with `both` the text after it, a header's name?
local function is_header_name(name)
  return name ~= nil and name ~= "" and not name:find("[^%w_%-]")
end


local function check(entry, both)
  local name, value = match(entry, "^([^:]+):*(.-)$")
  if not is_header_name(name) then
    return nil, ("'%s' is not a valid header"):format(tostring(name))
  end
  if both and not is_header_name(value) then
    return nil, ("'%s' is not a valid header"):format(tostring(value))
  end
  return true
end


function pairs_list.check_header(entry)
  return check(entry, false)
end


function pairs_list.check_header_pair(entry)
  return check(entry, true)
end


return pairs_list
