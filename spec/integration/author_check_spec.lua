local kgw = require "spec.support.kgw"
local posix = require "kgw.posix"

local folder


-- Writes the files of a plugin named "mine" and runs the check on it: exit code, output.
local function check(files, ...)
  for name, text in pairs(files) do
    local path = folder .. "/kong/plugins/mine/" .. name
    assert(posix.mkdirs(path:match("^(.*)/")))
    assert(posix.write_file(path, text))
  end
  local code, out, err = kgw.run { "plugin", "check", folder, ... }
  return code, out .. err
end


local SCHEMA = [[
return { name = "mine", fields = { { config = { type = "record", fields = { { x = { type = "string" } } } } } } }
]]


-- A handler whose phase has these lines, after lines of the file itself.
local function handler(phase, lines, head)
  return (head or "") .. "\nlocal H = { VERSION = \"1.0\", PRIORITY = 1 }\nfunction H:" .. phase .. "(conf)\n" .. lines .. "\nend\nreturn H\n"
end


-- True when a finding says this: "handler.lua:4: error: text" and a part of the hint.
local function says(out, where, text, hint)
  local at = out:find("kong/plugins/mine/" .. where .. ": " .. text, 1, true)
  assert(at, "not said: " .. where .. ": " .. text .. "\n" .. out)
  if hint then
    assert.matches(hint, out:sub(at):match("\n%s+([^\n]*)"), 1, true)
  end
  return true
end


describe("kgw plugin check", function()
  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
  end)

  after_each(function()
    os.execute("rm -rf " .. folder)
  end)

  it("finds nothing in the skeleton of plugin new, whose specs pass", function()
    assert.equal(0, kgw.run { "plugin", "new", "fresh-one", folder })
    local code, out = kgw.run { "plugin", "check", folder }
    assert.equal(0, code, out)
    assert.matches("fresh-one: nothing found", out, 1, true)
    code, out = kgw.run { "plugin", "check", folder .. "/kong/plugins/fresh-one" }
    assert.equal(0, code, out)
    ngx.update_time()
    local since = ngx.now()
    local status = os.execute("cd " .. folder .. " && " .. kgw.program .. " test > out.txt 2>&1")
    ngx.update_time()
    local text = posix.read_file(folder .. "/out.txt")
    assert.equal(0, status == true and 0 or status, text)
    assert.matches("3 successes / 0 failures / 0 errors", text, 1, true)
    assert.is_true(ngx.now() - since < 2, "took " .. (ngx.now() - since) .. " s")
  end)

  it("plugin new keeps files that are there", function()
    assert.equal(0, kgw.run { "plugin", "new", "fresh-one", folder })
    local code, _, err = kgw.run { "plugin", "new", "fresh-one", folder }
    assert.equal(1, code)
    assert.matches("is there already", err, 1, true)
  end)

  it("tells where the syntax is wrong", function()
    local code, out = check { ["schema.lua"] = SCHEMA, ["handler.lua"] = "local x = {}\nx = = 1\n" }
    assert.equal(1, code)
    says(out, "handler.lua:2", "error: unexpected symbol near '='")
  end)

  it("misses VERSION, PRIORITY and a returned table", function()
    local code, out = check { ["schema.lua"] = SCHEMA, ["handler.lua"] = "\nlocal H = {}\nreturn H\n" }
    assert.equal(1, code)
    says(out, "handler.lua:2", "error: the handler has no VERSION", "VERSION = \"1.0.0\"")
    says(out, "handler.lua:2", "error: the handler has no PRIORITY", "PRIORITY = 1000")
    out = select(2, check { ["handler.lua"] = "local H = {}\n" })
    says(out, "handler.lua:1", "error: handler.lua returns nothing")
  end)

  it("knows the phases", function()
    local _, out = check { ["schema.lua"] = SCHEMA, ["handler.lua"] = handler("acess", "") }
    says(out, "handler.lua:3", "error: 'acess' is no phase", "did you mean access?")
    _, out = check { ["handler.lua"] = handler("content", "") }
    says(out, "handler.lua:3", "error: 'content' is no phase", "kong.response.exit")
    _, out = check { ["handler.lua"] = handler("response", "") .. "" }
    assert.matches("mine: nothing found", out, 1, true)
  end)

  it("follows PDK functions into the phases they are called in, also through helpers, aliases and modules", function()
    local _, out = check {
      ["schema.lua"] = SCHEMA,
      ["handler.lua"] = handler("log", "  helper()\n  set('a', 'b')\n  other.work(conf)\n  kong.log.serialize()", table.concat({
        "local kong = kong", "local set = kong.response.set_header", "local other = require 'kong.plugins.mine.other'",
        "local function helper()", "  return kong.request.get_raw_body()", "end" }, "\n")),
      ["other.lua"] = "local M = {}\nfunction M.work(conf)\n  kong.service.request.set_header('a', 'b')\nend\nreturn M\n",
    }
    says(out, "handler.lua:5", "error: kong.request.get_raw_body cannot be called in log (only in: rewrite, access, response", "kong.ctx.plugin")
    says(out, "handler.lua:10", "error: kong.response.set_header cannot be called in log")
    says(out, "other.lua:3", "error: kong.service.request.set_header cannot be called in log (only in: rewrite, access, balancer)")
    assert.is_nil(out:find("serialize", 1, true))
  end)

  it("finds calls that wait where nothing can", function()
    local _, out = check {
      ["schema.lua"] = SCHEMA,
      ["handler.lua"] = handler("header_filter", "  ngx.sleep(1)\n  local s = ngx.socket.tcp()\n  local h = http.new()", "local http = require 'resty.http'"),
    }
    says(out, "handler.lua:4", "error: ngx.sleep cannot be called in header_filter", "ngx.timer.at")
    says(out, "handler.lua:5", "error: ngx.socket.tcp cannot be called in header_filter", "ngx.timer.at")
    says(out, "handler.lua:6", "error: resty.http waits for the network, which header_filter cannot")
  end)

  it("knows that a timer has no request, and can wait", function()
    local _, out = check {
      ["schema.lua"] = SCHEMA,
      ["handler.lua"] = handler("log", "  ngx.timer.at(0, function()\n    ngx.sleep(1)\n    kong.request.get_path()\n  end)\n  ngx.timer.at(0, flush)",
                                "local function flush() kong.response.exit(200) end"),
    }
    says(out, "handler.lua:6", "error: kong.request.get_path cannot be called in a timer", "hand it to the timer")
    says(out, "handler.lua:1", "error: kong.response.exit cannot be called in a timer")
    assert.is_nil(out:find("ngx.sleep", 1, true))
  end)

  it("names functions and modules that are gone or never were, and what to use", function()
    local _, out = check {
      ["schema.lua"] = SCHEMA,
      ["handler.lua"] = handler("access", "  kong.request.get_heder('a')\n  kong.dao.x:find()\n  ngx.req.get_header('a')\n  kong.db.consumers:select({})"
        .. "\n  kong.cache:get('a', nil, print)\n  kong.ctx.shared.x = 1\n  kong.log('a')", "local Base = require 'kong.plugins.base_plugin'"),
    }
    says(out, "handler.lua:1", "error: the module kong.plugins.base_plugin is gone", "plain table")
    says(out, "handler.lua:4", "error: there is no kong.request.get_heder", "did you mean kong.request.get_header?")
    says(out, "handler.lua:5", "error: there is no kong.dao", "use kong.db")
    says(out, "handler.lua:6", "error: there is no ngx.req.get_header", "ngx.req.get_headers")
    assert.is_nil(out:find("kong.db.consumers", 1, true))
    assert.is_nil(out:find("kong.cache", 1, true))
  end)

  it("finds globals that are written, or read without being there", function()
    local _, out = check {
      ["schema.lua"] = SCHEMA, ["handler.lua"] = handler("access", "  count = 1\n  local a = undefined_thing.x\n  local function f() end f()"),
    }
    says(out, "handler.lua:4", "error: writes the global 'count'", "local")
    says(out, "handler.lua:5", "error: the global 'undefined_thing' is read")
  end)

  it("judges the schema and points into its file", function()
    local _, out = check {
      ["handler.lua"] = handler("access", ""),
      ["schema.lua"] = "return {\n  name = 'mine',\n  fields = {\n    { config = { type = 'record', fields = {\n      { a = { required = true } },\n"
        .. "      { b = { type = 'strin' } },\n      { c = { type = 'string', defalt = 'x' } },\n    } } },\n  },\n}\n",
    }
    says(out, "schema.lua:5", "error: config.a.type: required field missing", "add type = \"string\"")
    says(out, "schema.lua:6", "error: config.b.type: unknown type: strin")
    says(out, "schema.lua:7", "error: config.c.defalt: unknown field")
    _, out = check { ["schema.lua"] = "return {\n  no_consumer = true,\n  fields = { x = { type = 'string' } },\n}\n" }
    says(out, "schema.lua:3", "error: fields: expected an array", "since Kong 1.0")
    says(out, "schema.lua:2", "error: no_consumer: unknown field", "typedefs.no_consumer")
    _, out = check { ["schema.lua"] = "return { name = 'other', fields = {} }\n" }
    says(out, "schema.lua:1", "error: the schema has no config field")
    says(out, "schema.lua:1", "warning: the schema's name is \"other\"")
  end)

  it("warns of what a control plane cannot take; --strict makes warnings count", function()
    local files = {
      ["handler.lua"] = handler("access", ""), ["daos.lua"] = "return {}\n",
      ["schema.lua"] = "local cjson = require 'cjson'\nreturn { name = 'mine', fields = { { config = { type = 'record', fields = {\n"
        .. "  { x = { type = 'string', custom_validator = function(v) return kong.db.services:select(v) end } } } } } } }\n",
    }
    local code, out = check(files)
    assert.equal(0, code, out)
    says(out, "daos.lua:1", "warning: the plugin has entities of its own")
    says(out, "schema.lua:1", "warning: a control plane that is given only schema.lua (Konnect) has no module cjson")
    says(out, "schema.lua:3", "warning: the schema uses kong")
    assert.equal(1, check(files, "--strict"))
  end)

  it("finds no errors in the bundled plugins", function()
    for name in io.popen("ls plugins"):lines() do
      local code, out, err = kgw.run { "plugin", "check", "plugins/" .. name }
      assert.equal(0, code, out .. err)
    end
  end)
end)
