-- Error tables of schemas as texts: for plugins (Schema:errors_to_string) and for the errors of DAOs.
-- Must never change the error table.
local print_table = require "kong.db.schema.print"

local concat = table.concat
local ipairs = ipairs
local next = next
local pairs = pairs
local sort = table.sort
local tostring = tostring
local type = type

local error_text = {}


local function sorted_names(errors)
  local names = {}
  for name in pairs(errors) do
    names[#names + 1] = name
  end
  sort(names, function(a, b)
    return tostring(a) < tostring(b)
  end)
  return names
end


local function add_lines(lines, prefix, errors)
  for _, name in ipairs(sorted_names(errors)) do
    local err = errors[name]
    if name == "@entity" and prefix == "" then
      for _, text in ipairs(type(err) == "table" and err or { err }) do
        table.insert(lines, tostring(text))
      end
    elseif type(err) == "table" and prefix == "" then
      add_lines(lines, tostring(name) .. ".", err)
    elseif type(err) == "table" then
      lines[#lines + 1] = prefix .. tostring(name) .. ": " .. print_table.indented(err)
    else
      lines[#lines + 1] = prefix .. tostring(name) .. ": " .. tostring(err)
    end
  end
end


-- "an entity's error; a: x; b.c: y" and the number of violations. What lies deeper than two levels is printed as a table.
function error_text.violations(errors)
  local lines = {}
  add_lines(lines, "", errors)
  return concat(lines, "; "), #lines
end


-- "Validation error: a: x; b: Validation error: c: y" | nil when there is nothing to tell.
function error_text.summary(errors)
  if type(errors) ~= "table" or next(errors) == nil then
    return nil
  end
  local lines = {}
  for _, text in ipairs(errors["@entity"] or {}) do
    lines[#lines + 1] = tostring(text)
  end
  for _, text in ipairs(errors) do
    lines[#lines + 1] = tostring(text)
  end
  for _, name in ipairs(sorted_names(errors)) do
    if type(name) == "string" and name ~= "@entity" then
      local err = errors[name]
      if type(err) == "table" then
        err = error_text.summary(err)
      end
      lines[#lines + 1] = name .. ": " .. tostring(err)
    end
  end
  return "Validation error: " .. concat(lines, "; ")
end


return error_text
