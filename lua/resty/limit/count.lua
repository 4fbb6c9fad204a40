-- require "resty.limit.count": so many calls per window of time.
local setmetatable = setmetatable

local Count = { _VERSION = "0.09" }
local mt = { __index = Count }


--- dict: name of a shared dictionary; window: seconds. The limiter, or nil, err.
function Count.new(dict, limit, window)
  local store = ngx.shared[dict]
  if not store then
    return nil, "shared dict not found"
  end
  return setmetatable({ dict = store, limit = limit, window = window }, mt)
end


--- 0, how many are left; or nil, "rejected"; nil, err. With commit false nothing is counted.
function Count.incoming(self, key, commit)
  local dict, limit = self.dict, self.limit
  if commit == false then
    local left = (dict:get(key) or limit) - 1
    if left < 0 then
      return nil, "rejected"
    end
    return 0, left
  end
  local left, err = dict:incr(key, -1, limit, self.window)
  if not left then
    return nil, err
  elseif left < 0 then
    return nil, "rejected"
  end
  return 0, left
end


--- Takes a call back. What is left now, or nil, err.
function Count.uncommit(self, key)
  local left, err = self.dict:incr(key, 1)
  if not left and err == "not found" then
    return self.limit
  end
  return left, err
end


return Count
