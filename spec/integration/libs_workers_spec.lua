-- Libraries of plugins whose promises are about several workers: resty.events, resty.healthcheck, resty.lmdb.
local kgw = require "spec.support.kgw"


local HANDLER = [[
local events = require "resty.events"
local healthcheck = require "resty.healthcheck"
local lmdb = require "resty.lmdb"

local Talk = { PRIORITY = 10, VERSION = "1.0" }
local ev = events.new { listening = "unix:talk.sock" }
local checker

function Talk:init_worker()
  ev:init_worker()
  ev:subscribe("spec", "*", function(data, event, source, wid)
    ngx.shared.kong:incr(table.concat({ "heard", ngx.worker.id(), data, event, source, tostring(wid) }, ":"), 1, 0)
  end)
  checker = assert(healthcheck.new { name = "talk", shm_name = "kong", events_module = "resty.events",
    checks = { active = { type = "tcp", healthy = { interval = 0.1, successes = 1 }, unhealthy = { interval = 0.1, tcp_failures = 1 } } } })
end

local acts = {}

function acts.publish()
  return tostring(ev:publish(kong.request.get_query_arg("target"), "spec", "hello", kong.request.get_query_arg("text")))
end

function acts.heard()
  local list = {}
  for _, key in ipairs(ngx.shared.kong:get_keys(0)) do
    if key:find("^heard:%d:" .. kong.request.get_query_arg("text") .. ":") then
      list[#list + 1] = key:sub(7) .. "=" .. ngx.shared.kong:get(key)
    end
  end
  table.sort(list)
  return table.concat(list, " ")
end

function acts.add()
  return tostring(checker:add_target("127.0.0.1", kong.request.get_query_arg("port"), "t", kong.request.get_query_arg("healthy") == "yes"))
end

function acts.status()
  return tostring(checker:get_target_status("127.0.0.1", tonumber(kong.request.get_query_arg("port")), "t"))
end

function acts.set()
  for i = 1, 20 do
    assert(lmdb.set("w" .. ngx.worker.id() .. ":" .. i, "v" .. i))
  end
  return "done"
end

function acts.count()
  local n = 0
  for _ in lmdb.prefix("w") do
    n = n + 1
  end
  return tostring(n)
end

function Talk:access()
  local body = acts[kong.request.get_path():sub(2)]()
  return kong.response.exit(200, body, { ["X-Worker"] = ngx.worker.id() })
end

function Talk:log()
  if kong.request.get_path() == "/set" then
    assert(lmdb.set("w" .. ngx.worker.id() .. ":log", "1"))
  end
end

return Talk
]]


describe("libraries of plugins in two workers", function()
  local node

  setup(function()
    node = kgw.start_with_plugin("talk", HANDLER, { nginx_worker_processes = 2 })
  end)

  teardown(kgw.stop_all)

  local function ask(worker, path)
    return node:ask_worker(worker, path)
  end

  local function wait_for_heard(text, wanted)
    kgw.wait_for("the event to be heard by those it is for", 3, function()
      local _, heard = node:get("/heard?text=" .. text)
      return heard == wanted
    end)
  end

  it("resty.events reach all, this one, or one of them", function()
    -- A worker hears what is published after it began.
    ask("0", "/count")
    ask("1", "/count")
    local _, _, head = node:get("/publish?target=all&text=all")
    local from = head:match("X%-Worker: (%d)")
    wait_for_heard("all", ("0:all:hello:spec:%s=1 1:all:hello:spec:%s=1"):format(from, from))
    _, _, head = node:get("/publish?target=current&text=current")
    from = head:match("X%-Worker: (%d)")
    wait_for_heard("current", from .. ":current:hello:spec:nil=1")
    node:get("/publish?target=hash&text=unique")
    node:get("/publish?target=hash&text=unique")
    kgw.wait_for("one worker to hear it", 3, function()
      local _, heard = node:get("/heard?text=unique")
      return heard:match("^(%d):unique:hello:spec:%1=1$")
    end)
  end)

  it("resty.healthcheck has one worker check for all", function()
    local port = kgw.free_port()
    assert.are.equal("true", ask("1", "/add?healthy=yes&port=" .. port))
    local open = node.proxy
    assert.are.equal("true", ask("0", "/add?healthy=no&port=" .. open))
    for _, worker in ipairs { "0", "1" } do
      kgw.wait_for("worker " .. worker .. " to know", 5, function()
        return ask(worker, "/status?port=" .. port) == "false" and ask(worker, "/status?port=" .. open) == "true"
      end)
    end
  end)

  it("resty.lmdb is written by both, also in phases that cannot wait", function()
    assert.are.equal("done", ask("0", "/set"))
    assert.are.equal("done", ask("1", "/set"))
    kgw.wait_for("both workers to see all", 3, function()
      return ask("0", "/count") == "42" and ask("1", "/count") == "42"
    end)
  end)
end)
