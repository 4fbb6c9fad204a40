-- kong.router: the route and the service of the request, the live entities.
local phases = require "kong.pdk.private.phases"

local check_phase = phases.check
local ngx = ngx

local PHASES = phases.phases
local ROUTED = phases.new(PHASES.access, PHASES.header_filter, PHASES.response, PHASES.body_filter, PHASES.log)


local function get_route()
  check_phase(ROUTED)
  return ngx.ctx.route
end


-- nil for a route without a service.
local function get_service()
  check_phase(ROUTED)
  return ngx.ctx.service
end


return {
  new = function()
    return { get_route = get_route, get_service = get_service }
  end,
}
