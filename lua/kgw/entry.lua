-- What C calls: one function per phase, each in a coroutine of its own. The phases themselves are kong.runloop's.
local body = require "ngx.request_body"
local ctx = require "ngx.ctx"
local timer = require "ngx.timer"

local ok, runloop = pcall(require, "kong.runloop")
if not ok then
  if not runloop:find("not found", 1, true) then
    error(runloop, 0)
  end
  runloop = {}
end

local release_ctx, release_body = ctx.release, body.release

-- The limits that the configuration sets for getters of arguments and headers without a limit of their own.
local function set_limits(conf)
  local args = require "ngx.args"
  args.max_uri_args = conf.lua_max_uri_args or args.max_uri_args
  args.max_post_args = conf.lua_max_post_args or args.max_post_args
  local request, header = require "ngx.request", require "ngx.header"
  request.max_req_headers = conf.lua_max_req_headers or request.max_req_headers
  header.max_resp_headers = conf.lua_max_resp_headers or header.max_resp_headers
end


if rawget(_G, "kong") and kong.configuration then
  set_limits(kong.configuration)
end


local function nothing()
end


local entry = { timer = timer.run }

for _, name in ipairs { "rewrite", "access", "access_resume", "balancer", "response", "header_filter", "body_filter", "log", "content",
                        "error_page", "certificate", "exit_worker" } do
  entry[name] = runloop[name] or nothing
end


function entry.release(slot)
  release_ctx(slot)
  release_body(slot)
end


function entry.init_worker()
  timer.start_postponed()
  if runloop.init_worker then
    return runloop.init_worker()
  end
end


return entry
