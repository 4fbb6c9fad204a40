-- The coroutine library with waiting inside: when a coroutine that user code made waits for C, the whole chain of
-- resumers waits, up to the coroutine that the scheduler knows, and is entered again when the operation is over.
local base = require "ngx.base"

local OP = base.OP
local raw_create = coroutine.create
local raw_resume = coroutine.resume
local raw_yield = coroutine.yield
local raw_status = coroutine.status
local error = error
local type = type

-- Light threads by their Lua thread: records of thread.lua.
local light = setmetatable({}, { __mode = "k" })

local Coroutine = {
  light = light,
  raw_create = raw_create,
  raw_resume = raw_resume,
  raw_status = raw_status,
}


-- Resumes that are inside each other now: each takes C stack, which LuaJIT does not watch.
local depth = 0
local DEPTH_MAX = 190


local function settle(co, ok, ...)
  depth = depth - 1
  if ok and (...) == OP then
    raw_yield(OP)
    depth = depth + 1
    return settle(co, raw_resume(co))
  end
  return ok, ...
end


function Coroutine.resume(co, ...)
  if type(co) ~= "thread" then
    error("bad argument #1 to 'resume' (coroutine expected)", 2)
  end
  if light[co] then
    return false, "cannot resume running coroutine"
  end
  if depth >= DEPTH_MAX then
    return false, "C stack overflow"
  end
  depth = depth + 1
  return settle(co, raw_resume(co, ...))
end


local function unwrap(ok, ...)
  if not ok then
    local err = ...
    if type(err) == "string" then
      error(err, 0)
    end
    error(err)
  end
  return ...
end


function Coroutine.wrap(fn)
  local co = raw_create(fn)
  return function(...)
    if depth >= DEPTH_MAX then
      error("C stack overflow", 0)
    end
    depth = depth + 1
    return unwrap(settle(co, raw_resume(co, ...)))
  end
end


function Coroutine.status(co)
  local record = light[co]
  if record then
    return record.status
  end
  return raw_status(co)
end


function Coroutine.install()
  coroutine.resume = Coroutine.resume
  coroutine.wrap = Coroutine.wrap
  coroutine.status = Coroutine.status
  coroutine.isyieldable = nil
end


return Coroutine
