-- What the balancer learns from a finished request, and the cookie it may have to set. Called in the header_filter and log
-- phases for requests that went through an upstream entity.
-- Must never wait: both phases cannot suspend.
local balancer = require "kong.balancer"
local proxy = require "ngx.proxy"
local state = require "kong.runloop.state"

local tries = state.tries

local report = {}


-- The cookie that ties a client to its target (hash_on or hash_fallback "cookie"), when the client had none.
function report.set_cookie()
  local try = tries[proxy.slot()]
  local cookie = try and try.hash_cookie
  if not cookie or cookie.is_sent then
    return
  end
  cookie.is_sent = true
  local text = cookie.key .. "=" .. cookie.value .. "; Path=" .. cookie.path .. "; Same-Site=Lax; HttpOnly"
  local set = ngx.header["Set-Cookie"]
  if set == nil then
    ngx.header["Set-Cookie"] = text
  elseif type(set) == "table" then
    set[#set + 1] = text
    ngx.header["Set-Cookie"] = set
  else
    ngx.header["Set-Cookie"] = { set, text }
  end
end


-- The end of the request: health, connection counts, latencies.
function report.finish()
  local slot = proxy.slot()
  local try = tries[slot]
  if try then
    tries[slot] = nil
    if try.address then
      balancer.finish(try)
    end
  end
end


return report
