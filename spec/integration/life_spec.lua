local kgw = require "spec.support.kgw"
local posix = require "kgw.posix"


local function yml(body)
  return ([[
_format_version: "3.0"
routes:
- name: r
  paths: [/r]
  plugins:
  - name: request-termination
    config: {status_code: 200, body: "%s"}
]]):format(body)
end


describe("a node", function()
  after_each(kgw.stop_all)

  it("starts once, says that it is healthy and stops", function()
    local node = kgw.new(nil, yml("one")):start()
    assert.are.equal(200, node:get("/r"))
    local code, out = node:cli("health")
    assert.are.equal(0, code)
    assert.matches("Kong is healthy at " .. node.prefix, out, 1, true)
    local again, _, err = node:cli("start")
    assert.are.equal(1, again)
    assert.matches("already running", err)
    assert.are.equal(0, node:cli("stop"))
    assert.is_nil(node:pid())
    assert.is_nil(node:get("/r"))
  end)

  it("gets an RSA certificate soon after its start, and leaves no process behind", function()
    local node = kgw.new({ proxy_listen = "127.0.0.1:" .. kgw.free_port() .. " ssl" }, yml("one")):start()
    local elliptic = posix.read_file(node.prefix .. "/ssl/kong-default-ecdsa.crt")
    kgw.wait_for("the certificate", 30, function()
      return posix.read_file(node.prefix .. "/ssl/kong-default.crt") ~= elliptic
    end)
    assert.are.equal(0, node:cli("stop"))
    local again = kgw.new({ proxy_listen = "127.0.0.1:" .. kgw.free_port() .. " ssl" }, yml("one")):start()
    local children = again:workers()
    assert.are.equal(0, again:cli("stop"))
    for _, child in ipairs(children) do
      kgw.wait_for("the end of a child", 5, function()
        return posix.has_ended(child)
      end)
    end
  end)

  it("takes a changed file and changed settings at reload", function()
    local node = kgw.new(nil, yml("one")):start()
    node:write("kong.yml", yml("two"))
    node:write_conf { headers = "off" }
    assert.are.equal(0, node:cli("reload"))
    local head = kgw.wait_for("the new answer", 5, function()
      local _, body, head = node:get("/r")
      return body == "two" and head
    end)
    assert.is_nil(head:find("Server:", 1, true))
  end)

  it("keeps serving when the new file is wrong", function()
    local node = kgw.new(nil, yml("one")):start()
    node:write("kong.yml", "_format_version: \"3.0\"\nservices:\n- name: x\n")
    assert.are.equal(0, node:cli("reload"))
    kgw.wait_for("the refusal in the log", 5, function()
      return node:error_log():find("'host': required field missing", 1, true)
    end)
    local _, body = node:get("/r")
    assert.are.equal("one", body)
  end)

  it("loses no request while it reloads", function()
    local node = kgw.new(nil, yml("one")):start()
    local is_over, wrong, right = false, {}, 0
    local function ask()
      while not is_over do
        local status, body = node:get("/r")
        if status == 200 then
          right = right + 1
        else
          wrong[#wrong + 1] = status or body
        end
      end
    end
    local threads = { ngx.thread.spawn(ask), ngx.thread.spawn(ask) }
    for _ = 1, 5 do
      local before = select(2, node:error_log():gsub("configuration reloaded", ""))
      posix.kill(node:pid(), posix.SIGHUP)
      kgw.wait_for("the reload", 10, function()
        return select(2, node:error_log():gsub("configuration reloaded", "")) > before
      end)
    end
    is_over = true
    for _, thread in ipairs(threads) do
      ngx.thread.wait(thread)
    end
    assert.are.same({}, wrong)
    assert.is_true(right > 0)
  end)

  it("replaces a worker that was killed", function()
    local node = kgw.new(nil, yml("one")):start()
    local before = node:workers()[1]
    posix.kill(before, posix.SIGKILL)
    kgw.wait_for("another worker", 5, function()
      local now = node:workers()[1]
      return now and now ~= before
    end)
    assert.are.equal(200, kgw.wait_for("an answer", 5, function()
      return node:get("/r")
    end))
  end)

  it("ends on SIGTERM and removes its pid file", function()
    local node = kgw.new(nil, yml("one")):start()
    local pid = node:pid()
    posix.kill(pid, posix.SIGTERM)
    kgw.wait_for("the end", 5, function()
      return posix.has_ended(pid)
    end)
    assert.is_nil(node:pid())
  end)

  it("finishes what runs when it is told to end, and is not ready any more", function()
    local node = kgw.new({ untrusted_lua = "on" }, [[
_format_version: "3.0"
routes:
- name: r
  paths: [/r]
  plugins:
  - name: pre-function
    config: {access: ["kong.log.err('begun') ngx.sleep(1) kong.response.exit(200, 'slow')"]}
]]):start()
    local body
    local thread = ngx.thread.spawn(function()
      body = select(2, node:get("/r"))
    end)
    kgw.wait_for("the request", 5, function()
      return node:error_log():find("begun", 1, true)
    end)
    local pid = node:pid()
    posix.kill(pid, posix.SIGTERM)
    assert.are.equal(503, kgw.wait_for("the refusal", 5, function()
      local status = node:get("/status/ready", nil, node.status)
      return status ~= 200 and status
    end))
    ngx.thread.wait(thread)
    assert.are.equal("slow", body)
    kgw.wait_for("the end", 5, function()
      return posix.has_ended(pid)
    end)
  end)

  it("runs without a prefix that can be written", function()
    local node = kgw.new({ prefix = "/proc/kgw", proxy_error_log = "/dev/stderr", proxy_access_log = "off",
                           nginx_daemon = "off" }, yml("one"))
    local log = node.folder .. "/out"
    os.execute(kgw.program .. " start -c " .. node.folder .. "/kong.conf > " .. log .. " 2>&1 & echo $! > " .. node.folder .. "/pid")
    local pid = tonumber(posix.read_file(node.folder .. "/pid"))
    finally(function()
      posix.kill(pid, posix.SIGKILL)
    end)
    kgw.wait_for("an answer", 5, function()
      return node:get("/r") == 200
    end)
    local code = kgw.run({ "health" }, { KONG_PREFIX = "/proc/kgw", KONG_STATUS_LISTEN = "127.0.0.1:" .. node.status })
    assert.are.equal(0, code)
    posix.kill(pid, posix.SIGTERM)
    kgw.wait_for("the end", 5, function()
      return posix.has_ended(pid)
    end)
  end)

  it("takes values from files that the environment names", function()
    local node = kgw.new(nil, yml("one"))
    node:write("headers", "server\n")
    local code, out, err = kgw.run({ "start", "-c", node.folder .. "/kong.conf" }, { KONG_HEADERS_FILE = node.folder .. "/headers" })
    assert.are.equal(0, code, out .. err)
    local _, _, head = node:get("/r")
    assert.matches("Server: kong/", head, 1, true)
    assert.is_nil(head:find("X-Kong-Request-Id", 1, true))
  end)

  it("writes its access log in the form that log_format gives", function()
    local node = kgw.new({
      proxy_access_log = "logs/access.log mine",
      nginx_http_log_format = [[mine escape=json '{"uri":"$request_uri","status":$status;' '"agent":"$http_user_agent"}']],
    }, yml("one")):start()
    assert.are.equal(200, node:get("/r?a=b", { ["User-Agent"] = 'x"y' }))
    local line = kgw.wait_for("the line", 5, function()
      local text = posix.read_file(node.prefix .. "/logs/access.log")
      return text ~= "" and text
    end)
    assert.are.equal([[{"uri":"/r?a=b","status":200;"agent":"x\"y"}]] .. "\n", line)
  end)

  it("refuses a log format with a variable that there is not", function()
    local node = kgw.new({ proxy_access_log = "logs/access.log mine", nginx_http_log_format = "mine '$nope'" }, yml("one"))
    local code, _, err = node:cli("start")
    assert.are.equal(1, code)
    assert.matches("unknown variable \"nope\" in the log format", err, 1, true)
  end)

  it("does not start on a port that is taken", function()
    local first = kgw.new(nil, yml("one")):start()
    local second = kgw.new({ proxy_listen = "127.0.0.1:" .. first.proxy }, yml("two"))
    local code, _, err = second:cli("start")
    assert.are.equal(1, code)
    assert.matches("127.0.0.1:" .. first.proxy, err, 1, true)
    assert.is_nil(second:pid())
  end)
end)


describe("plugins of one's own", function()
  after_each(kgw.stop_all)

  local SCHEMA = [[return { name = "%s", fields = { { config = { type = "record", fields = {} } } } }]]
  local HANDLER = [[
return { VERSION = "1.0", PRIORITY = 5, access = function() return kong.response.exit(200, "%s") end }
]]

  it("are found on lua_package_path", function()
    local node = kgw.new(nil, [[
_format_version: "3.0"
routes: [{name: r, paths: [/r], plugins: [{name: mine}]}]
]])
    node:write("lua/kong/plugins/mine/schema.lua", SCHEMA:format("mine"))
    node:write("lua/kong/plugins/mine/handler.lua", HANDLER:format("my own"))
    node:write_conf { plugins = "bundled, mine", lua_package_path = node.folder .. "/lua/?.lua;;" }
    node:start()
    local _, body = node:get("/r")
    assert.are.equal("my own", body)
  end)

  it("take the place of a bundled one of that name", function()
    local node = kgw.new(nil, [[
_format_version: "3.0"
routes: [{name: r, paths: [/r], plugins: [{name: key-auth}]}]
]])
    node:write("lua/kong/plugins/key-auth/schema.lua", SCHEMA:format("key-auth"))
    node:write("lua/kong/plugins/key-auth/handler.lua", HANDLER:format("instead"))
    node:write_conf { plugins = "key-auth", lua_package_path = node.folder .. "/lua/?.lua;;" }
    node:start()
    local _, body = node:get("/r")
    assert.are.equal("instead", body)
  end)

  it("stop the start when they are not installed", function()
    local node = kgw.new({ plugins = "no-such" }, yml("one"))
    local code, _, err = node:cli("start")
    assert.are.equal(1, code)
    assert.matches("no-such plugin is enabled but not installed", err, 1, true)
  end)
end)
