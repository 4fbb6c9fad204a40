-- The Status API: readiness, counters, upstream health and the metrics of plugins, for load balancers and collectors.
-- Called by kong.runloop in the content phase on the status listeners. Must never answer with entities.
local server = require "kong.api.server"

local status = {}

local app


local function build(db)
  local router = require("kong.api.router").new()
  require("kong.api.routes.status").register(router, false)
  require("kong.api.routes.overrides").register_status(router)
  require("kong.api").add_plugins(router, db, "status_api")
  return { router = router, db = db, helpers = require "kong.api.helpers" }
end


-- Answers the running request.
function status.handle()
  local db = kong.db
  if not app or app.db ~= db then
    app = build(db)
  end
  -- The metrics endpoint is read by browsers' tools too; entities never are.
  return server.serve(app, { cors = true })
end


status.serve = status.handle


return status
