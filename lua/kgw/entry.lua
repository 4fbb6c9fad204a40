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
