-- require "resty.events.compat": the functions of lua-resty-worker-events. They are those of the gateway's own events, as they are in
-- Kong, where kong.worker_events is this module.
local events = require "resty.events"
local worker_events = require "kong.worker_events"

local compat = { _VERSION = events._VERSION }


-- The gateway has configured them for its workers; elsewhere they begin here. True; raises when opts cannot be.
function compat.configure(opts)
  events.new(opts)
  if not worker_events.configured() then
    worker_events.start_worker()
  end
  return true
end


function compat.run()
  return true
end


return setmetatable(compat, { __index = worker_events })
