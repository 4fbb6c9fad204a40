-- Tables that plugins keep between requests but use for one at a time: with log_level = debug, an access by a second
-- request before the first one cleared the table is an error. Otherwise they are plain tables with a method clear.
local clear_plain = require "table.clear"
local new_plain = require "table.new"
local request_id = require("kong.observability.tracing.request_id").get

local error = error
local rawset = rawset
local setmetatable = setmetatable

local IS_TAKEN = "cannot set the 'clear' method of request aware table"

local guards = setmetatable({}, { __mode = "k" })

local Plain = {
  __index = { clear = clear_plain },
  __newindex = function(self, key, value)
    if key == "clear" then
      error(IS_TAKEN, 2)
    end
    rawset(self, key, value)
  end,
}


local function clear_guarded(self)
  local guard = guards[self]
  clear_plain(guard.data)
  guard.owner = nil
end


-- The data behind a guarded table, for the request that owns it.
local function data_of(self)
  local guard = guards[self]
  local id = request_id()
  if not id then
    guard.owner = nil
  elseif not guard.owner then
    guard.owner = id
  elseif guard.owner ~= id then
    error("concurrent access from different request to shared table detected", 3)
  end
  return guard.data
end


local Guarded = {
  __index = function(self, key)
    if key == "clear" then
      return clear_guarded
    end
    return data_of(self)[key]
  end,
  __newindex = function(self, key, value)
    if key == "clear" then
      error(IS_TAKEN, 2)
    end
    data_of(self)[key] = value
  end,
}

local request_aware_table = {}


-- array_cnt, hash_cnt: room to make beforehand, may be nil.
function request_aware_table.new(array_cnt, hash_cnt)
  local data = new_plain(array_cnt or 0, hash_cnt or 0)
  if kong.configuration.log_level ~= "debug" then
    return setmetatable(data, Plain)
  end
  local guarded = setmetatable({}, Guarded)
  guards[guarded] = { data = data }
  return guarded
end


return request_aware_table
