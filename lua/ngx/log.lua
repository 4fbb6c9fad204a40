-- ngx.log, print and ngx.errlog.
local base = require "ngx.base"

local C = base.C
local concat = table.concat
local getinfo = debug.getinfo
local select = select
local tostring = tostring
local type = type
local gsub = string.gsub

local MAX = 4096 - 50
local NOTICE = 6

local Log = {}


local function one(v, i)
  local kind = type(v)
  if kind == "string" then
    return v
  elseif kind == "number" or kind == "nil" or kind == "boolean" then
    return tostring(v)
  elseif kind == "table" then
    local mt = getmetatable(v)
    if not mt or not mt.__tostring then
      base.bad_arg(i, "expected table to have __tostring metamethod", 3)
    end
    return tostring(v)
  elseif v == ngx.null then
    return "null"
  end
  base.bad_arg(i, "string, number, boolean, or nil expected, got " .. kind, 3)
end


-- "[lua] file:line: func(): " of the function at `level`.
local function place(level)
  local info = getinfo(level, "nSl")
  if not info then
    return "[lua] "
  end
  local at = "[lua] " .. gsub(info.short_src, "^.*/", "") .. ":" .. info.currentline .. ": "
  if info.namewhat ~= "" and info.what == "Lua" and info.name then
    at = at .. info.name .. "(): "
  end
  return at
end


local function write(level, ...)
  local n = select("#", ...)
  local parts = { place(4) }
  for i = 1, n do
    parts[i + 1] = one((select(i, ...)), i)
  end
  local line = concat(parts)
  C.kgw_ffi_log(level, line, #line < MAX and #line or MAX)
end


function Log.log(...)
  local level = ...
  if type(level) ~= "number" then
    level = tonumber(level)
    if not level then
      base.bad_arg(1, "number expected, got " .. (select("#", ...) == 0 and "no value" or type((...))), 1)
    end
  end
  if level < 0 or level > 8 then
    base.bad_arg(1, "bad log level: " .. level, 1)
  end
  if level > C.kgw_ffi_log_level(-1) then
    return
  end
  write(level, select(2, ...))
end


function Log.print(...)
  if NOTICE > C.kgw_ffi_log_level(-1) then
    return
  end
  write(NOTICE, ...)
end


return Log
