-- pcall with a CPU budget: for what plugins wrote and the gateway's own code calls where nothing else bounds it (loading, schemas, the
-- start of a worker). Code that does not end is interrupted like code of a request (plugin_cpu_limit), after twenty times as long.
local native = require "kgw.native"

local begin, finish = native.guard, native.unguard
local pcall = pcall
local type = type

local guard = {}


local function ended(l, depth, ...)
  finish(l, depth)
  return ...
end


-- fn(...) as pcall calls it; it may yield where its caller may.
function guard.call(fn, ...)
  local l, depth = begin()
  return ended(l, depth, pcall(fn, ...))
end


-- Whether an error is that of code that did not end.
function guard.is_interruption(err)
  return type(err) == "string" and err:find("(see plugin_cpu_limit)", 1, true) ~= nil
end


return guard
