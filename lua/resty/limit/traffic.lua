-- require "resty.limit.traffic": several limiters as one.
local max = math.max

local Traffic = { _VERSION = "0.09" }


--- The longest delay of all; or nil, "rejected" or an error. states (a table) gets each limiter's second value.
function Traffic.combine(limiters, keys, states)
  local n = #limiters
  local longest = 0
  for i = 1, n do
    local delay, err = limiters[i]:incoming(keys[i], i == n)
    if not delay then
      return nil, err
    end
    if states then
      states[i] = err
    end
    longest = max(longest, delay)
  end
  for i = 1, n - 1 do
    local delay, err = limiters[i]:incoming(keys[i], true)
    if not delay then
      for j = 1, i - 1 do
        limiters[j]:uncommit(keys[j])
      end
      limiters[n]:uncommit(keys[n])
      return nil, err
    end
    longest = max(longest, delay)
  end
  return longest
end


return Traffic
