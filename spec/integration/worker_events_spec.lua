local kgw = require "spec.support.kgw"


local HANDLER = [[
local Talk = { PRIORITY = 10, VERSION = "1.0" }

function Talk:init_worker()
  kong.worker_events.register(function(data, event, source, wid)
    ngx.shared.kong:incr("heard:" .. ngx.worker.id() .. ":" .. data.text .. ":" .. event .. ":" .. source .. ":" .. wid, 1, 0)
  end, "spec", "hello")
end

local acts = {}

function acts.post()
  return tostring(kong.worker_events.post("spec", "hello", { text = kong.request.get_query_arg("text") }))
end

function acts.heard()
  local list = {}
  for _, key in ipairs(ngx.shared.kong:get_keys(0)) do
    if key:sub(1, 6) == "heard:" then
      list[#list + 1] = key:sub(7) .. "=" .. ngx.shared.kong:get(key)
    end
  end
  table.sort(list)
  return table.concat(list, " ")
end

function acts.cached()
  local value = kong.cache:get("k", nil, function()
    return ngx.shared.kong:incr("loads", 1, 0)
  end)
  return tostring(value)
end

function acts.invalidate()
  kong.cache:invalidate("k")
  return "done"
end

function Talk:access()
  local body = acts[kong.request.get_path():sub(2)]()
  return kong.response.exit(200, body, { ["X-Worker"] = ngx.worker.id() })
end

return Talk
]]


describe("workers", function()
  local node

  setup(function()
    node = kgw.start_with_plugin("talk", HANDLER, { nginx_worker_processes = 2 })
  end)

  teardown(kgw.stop_all)

  local function ask(worker, path)
    return node:ask_worker(worker, path)
  end

  it("hear each other's events once", function()
    local _, body, head = node:get("/post?text=a")
    assert.are.equal("done", body)
    local from = head:match("X%-Worker: (%d)")
    local wanted = ("0:a:hello:spec:%s=1 1:a:hello:spec:%s=1"):format(from, from)
    kgw.wait_for("both workers to hear it", 3, function()
      local _, heard = node:get("/heard")
      return heard == wanted
    end)
  end)

  it("forget what one of them invalidates", function()
    assert.are.equal("1", ask("0", "/cached"))
    assert.are.equal("1", ask("1", "/cached"))
    node:get("/invalidate")
    kgw.wait_for("both workers to load again", 3, function()
      return ask("0", "/cached") == "2" and ask("1", "/cached") == "2"
    end)
  end)
end)
