-- Header tables of resty.http: fields keep the case they came in and are found in any case, with _ for - too.
local getmetatable = getmetatable
local gsub = string.gsub
local lower = string.lower
local rawget, rawset = rawget, rawset
local setmetatable = setmetatable

local Headers = { _VERSION = "0.17.2" }


local function fold(name)
  return lower((gsub(name, "_", "-")))
end


--- An empty table.
function Headers.new()
  local names = {} -- folded name -> name as it was first set
  return setmetatable({}, {
    names = names,
    __index = function(t, name)
      if type(name) ~= "string" then
        return nil
      end
      local own = names[fold(name)]
      return own and rawget(t, own)
    end,
    __newindex = function(t, name, value)
      if type(name) ~= "string" then
        rawset(t, name, value)
        return
      end
      local folded = fold(name)
      local own = names[folded]
      if own then
        rawset(t, own, value)
        if value == nil then
          names[folded] = nil
        end
      elseif value ~= nil then
        names[folded] = name
        rawset(t, name, value)
      end
    end,
  })
end


--- Fields of a plain table.
function Headers.copy(from)
  local headers = Headers.new()
  for name, value in pairs(from or {}) do
    headers[name] = value
  end
  return headers
end


--- Adds a value to those there are.
function Headers.add(headers, name, value)
  local names = getmetatable(headers).names
  local own = names[fold(name)]
  local before = own and rawget(headers, own)
  if before == nil then
    headers[name] = value
  elseif type(before) == "table" then
    before[#before + 1] = value
  else
    rawset(headers, own, { before, value })
  end
end


return Headers
