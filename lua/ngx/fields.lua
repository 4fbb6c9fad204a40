-- What request and response headers have in common: reading one field or all of them into Lua values.
local base = require "ngx.base"
local new_tab = require "table.new"

local C = base.C
local text = base.text
local ffi = require "ffi"
local find = string.find
local getmetatable = getmetatable
local gsub = string.gsub
local lower = string.lower
local rawget = rawget
local setmetatable = setmetatable
local type = type

local name_str, value_str = base.new_str(), base.new_str()
local more = ffi.new("int[1]")
local at = ffi.new("uint32_t[1]")

local RESPONSE = 1

local Fields = {}


-- "_" in names written by Lua code stands for "-"; names are remembered, since code uses the same few.
local dashes, dashes_cnt = {}, 0

local function remember(name)
  local dashed = find(name, "_", 1, true) and gsub(name, "_", "-") or name
  if dashes_cnt < 1000 then
    dashes_cnt = dashes_cnt + 1
    dashes[name] = dashed
  end
  return dashed
end


function Fields.dashed(name)
  return dashes[name] or remember(name)
end


local lowers, lowers_cnt = {}, 0

local function lower_name(name)
  local known = lowers[name]
  if known then
    return known
  end
  known = lower(gsub(name, "_", "-"))
  if lowers_cnt < 1000 then
    lowers_cnt = lowers_cnt + 1
    lowers[name] = known
  end
  return known
end


-- Of get_headers' tables: any spelling of a name finds it.
local METATABLE = {
  __index = function(t, name)
    if type(name) ~= "string" then
      return nil
    end
    local value = rawget(t, lower_name(name))
    if value == nil and find(name, "_", 1, true) then
      -- Sent with underscores.
      return rawget(t, lower(name))
    end
    return value
  end,
}


local function list_of(which, name, cnt_from)
  local list, n = {}, 0
  local wanted = lower(name)
  at[0] = cnt_from
  while C.kgw_ffi_hdr_next(which, at, name_str, value_str) == 0 do
    if name_str.len == #wanted and lower(text(name_str)) == wanted then
      n = n + 1
      list[n] = text(value_str)
    end
  end
  return list
end


-- nil, the value, or a list of the values.
function Fields.get(which, name)
  if C.kgw_ffi_hdr_first(which, name, #name, value_str, more) ~= 0 then
    return nil
  end
  if more[0] ~= 0 then
    return list_of(which, name, 0)
  end
  return text(value_str)
end


-- Values of repeated names become a list.
local function put(t, name, value)
  local before = t[name]
  if before == nil then
    t[name] = value
  elseif type(before) == "table" then
    before[#before + 1] = value
  else
    t[name] = { before, value }
  end
end


-- Response fields that nginx keeps apart from the others: a limit does not count them.
local UNCOUNTED = { ["content-type"] = true, ["content-length"] = true }


-- A table of all fields, at most `max` (0: all); "truncated" when there were more.
function Fields.all(which, max, raw)
  local t = new_tab(0, 16)
  local n, err = 0, nil
  at[0] = 0
  while C.kgw_ffi_hdr_next(which, at, name_str, value_str) == 0 do
    local name = text(name_str)
    if not raw then
      name = lower(name)
    end
    local is_counted = which ~= RESPONSE or not UNCOUNTED[lower(name)]
    n = is_counted and n + 1 or n
    if max > 0 and n > max and is_counted then
      err = "truncated"
      if which ~= RESPONSE then
        break
      end
    else
      put(t, name, text(value_str))
    end
  end
  if not raw then
    setmetatable(t, METATABLE)
  end
  return t, err
end


-- The table is one that Fields.all made.
function Fields.is_ours(t)
  return getmetatable(t) == METATABLE
end


return Fields
