local kgw = require "spec.support.kgw"
local pipe = require "ngx.pipe"
local posix = require "kgw.posix"

local SCHEMA = [[
return { name = "mine", fields = { { config = { type = "record", fields = { { word = { type = "string", default = "a" } } } } } } }
]]

local HANDLER = [[
local helper = require "kong.plugins.mine.helper"
local H = { VERSION = "1.0", PRIORITY = 1 }
function H:init_worker()
  ngx.timer.every(0.02, function()
    H.ticks = (H.ticks or 0) + 1
    ngx.shared.kong:incr("ticks:HANDLER", 1, 0)
  end)
end
function H:access(conf)
  kong.response.exit(200, "HANDLER " .. helper .. " " .. conf.word .. " " .. (ngx.shared.kong:get("ticks:HANDLER") or 0))
end
return H
]]

local CONFIG = [[
_format_version: "3.0"
routes:
- {name: r, paths: [/]}
plugins:
- {name: mine, config: {word: CONFIG}}
]]

local folder, port, process


local function write(name, text)
  local path = folder .. "/" .. name
  assert(posix.mkdirs(path:match("^(.*)/")))
  assert(posix.write_file(path, text))
end


local function write_handler(word)
  write("kong/plugins/mine/handler.lua", (HANDLER:gsub("HANDLER", word)))
end


local function write_config(word)
  write("kong.yml", (CONFIG:gsub("CONFIG", word)))
end


local function answer()
  local status, body = kgw.new_client(port):get("/")
  return status and body
end


local function output()
  return posix.read_file(folder .. "/dev.out") or ""
end


-- Waits for an answer that begins like this; the milliseconds it took.
local function wait_answer(text)
  ngx.update_time()
  local since = ngx.now()
  local last
  local ok = pcall(kgw.wait_for, text, 5, function()
    last = answer()
    return last and last:sub(1, #text) == text
  end)
  assert(ok, "answer is " .. tostring(last) .. ", not " .. text .. "\n" .. output())
  ngx.update_time()
  return (ngx.now() - since) * 1000
end


local function start()
  port = kgw.free_port()
  write("kong.conf", "proxy_listen = 127.0.0.1:" .. port .. "\nadmin_listen = off\nprefix = " .. folder .. "/.prefix\n")
  process = assert(pipe.spawn("cd " .. folder .. " && exec " .. kgw.program .. " dev -c kong.conf > dev.out 2>&1"))
end


describe("kgw dev", function()
  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    write("kong/plugins/mine/schema.lua", SCHEMA)
    write("kong/plugins/mine/helper.lua", "return 'help1'\n")
    write_handler("one")
    write_config("c1")
  end)

  after_each(function()
    process:kill(15)
    process:wait()
    os.execute("rm -rf " .. folder)
  end)

  it("takes over handlers, helpers, schemas and the configuration within 300 ms of a save", function()
    start()
    wait_answer("one help1 c1")
    local slowest = 0
    local function expect(text)
      local ms = wait_answer(text)
      slowest = math.max(slowest, ms)
    end
    write_handler("two")
    expect("two help1 c1")
    write("kong/plugins/mine/helper.lua", "return 'help2'\n")
    expect("two help2 c1")
    write_config("c2")
    expect("two help2 c2")
    write("kong/plugins/mine/schema.lua", (SCHEMA:gsub("config = {", "config = { required = true,")))
    write("kong.yml", (CONFIG:gsub(", config: {word: CONFIG}", "")))
    expect("two help2 a")
    print(("save to live: at most %.0f ms"):format(slowest))
    assert.is_true(slowest < 300, "took " .. slowest .. " ms")
  end)

  it("tells what is wrong with file, line and plugin, and keeps serving", function()
    start()
    wait_answer("one help1 c1")
    local function refuses(name, text, message)
      write(name, text)
      kgw.wait_for(message, 5, function()
        return output():find(message, 1, true)
      end)
      assert.matches("^one help1 c1", answer())
    end
    refuses("kong/plugins/mine/handler.lua", "local x = = 1\n", "plugin mine: kong/plugins/mine/handler.lua:1: unexpected symbol near '='")
    refuses("kong/plugins/mine/handler.lua", "\nlocal x = nil .. 1\n", "kong/plugins/mine/handler.lua:2: attempt to concatenate a nil value")
    refuses("kong/plugins/mine/handler.lua", "return {\n  PRIORITY = 1,\n}\n", "plugin mine: kong/plugins/mine/handler.lua:1: the handler has no VERSION")
    write_handler("one")
    refuses("kong/plugins/mine/schema.lua", "return { name = 'mine', fields = {\n  { config = { type = 'record', fields = {\n    { word = {} } } } } } }\n",
            "plugin mine: kong/plugins/mine/schema.lua:3: config.word.type: required field missing")
    write("kong/plugins/mine/schema.lua", SCHEMA)
    refuses("kong.yml", "_format_version: \"3.0\"\nplugins:\n- {name: mine, config: {wrod: x}}\n", "'wrod': unknown field")
    write_config("c3")
    wait_answer("one help1 c3")
  end)

  it("stops the timers of old code", function()
    start()
    wait_answer("one help1 c1")
    kgw.wait_for("ticks", 5, function()
      return tonumber(answer():match("%d+$")) > 0
    end)
    write_handler("two")
    wait_answer("two")
    write("kong/plugins/mine/handler.lua", (HANDLER:gsub("ticks:HANDLER", "ticks:one"):gsub("HANDLER", "three"):gsub("incr%b()", "get('x')")))
    wait_answer("three")
    local ticks = answer():match("%d+$")
    ngx.sleep(0.1)
    assert.equal(ticks, answer():match("%d+$"))
  end)

  it("finds plugins that are added while it runs", function()
    start()
    wait_answer("one help1 c1")
    write("kong/plugins/added/schema.lua", (SCHEMA:gsub("mine", "added")))
    write("kong/plugins/added/handler.lua",
          "return { VERSION = '1.0', PRIORITY = 5, access = function() kong.response.exit(200, 'added') end }\n")
    write("kong.yml", (CONFIG:gsub("CONFIG", "c1")) .. "- {name: added}\n")
    wait_answer("added")
  end)

  it("serves what was saved also after the worker has died", function()
    start()
    wait_answer("one help1 c1")
    write_handler("two")
    wait_answer("two help1 c1")
    local master = process:pid()
    local list = io.popen("pgrep -P " .. master)
    local worker = tonumber(list:read("*l"))
    list:close()
    posix.kill(worker, 9)
    kgw.wait_for("the end of the worker", 5, function()
      return posix.has_ended(worker)
    end)
    wait_answer("two help1 c1")
  end)

  it("waits for a save when the code is wrong from the start", function()
    write("kong/plugins/mine/handler.lua", "local x = = 1\n")
    start()
    kgw.wait_for("the error", 5, function()
      return output():find("waiting for a change", 1, true)
    end)
    assert.matches("handler.lua:1: unexpected symbol near '='", output(), 1, true)
    write_handler("right")
    wait_answer("right help1 c1")
  end)
end)
