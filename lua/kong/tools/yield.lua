-- Gives other requests a turn in a long computation, in phases that may wait; elsewhere it does nothing.
local get_phase = ngx.get_phase
local sleep = ngx.sleep

local yield = {}

local MAY_WAIT = {
  rewrite = true,
  server_rewrite = true,
  access = true,
  content = true,
  timer = true,
  ssl_client_hello = true,
  ssl_cert = true,
  ssl_certificate = true,
  ssl_session_fetch = true,
  preread = true,
}

-- Calls between two turns when the caller loops.
local LOOP_INTERVAL = 1000

local counter = LOOP_INTERVAL


function yield.in_yieldable_phase(phase)
  return MAY_WAIT[phase or get_phase()] or false
end


-- in_loop: true yields only now and then. `phase` saves looking it up.
function yield.yield(in_loop, phase)
  phase = phase or get_phase()
  if phase == "init" or not MAY_WAIT[phase] then
    return
  end
  if in_loop then
    counter = counter - 1
    if counter > 0 then
      return
    end
    counter = LOOP_INTERVAL
  end
  sleep(0)
end


return yield
