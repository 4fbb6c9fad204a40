local conf = require "kong.conf"
local file = require "kong.conf.file"
local listeners = require "kong.conf.listeners"
local posix = require "kgw.posix"
local values = require "kong.conf.values"


local function load(text, overrides, options)
  local path = os.tmpname()
  posix.write_file(path, text)
  local loaded, err, errors = conf.load(path, overrides, options)
  os.remove(path)
  return loaded, err, errors
end


describe("the syntax of kong.conf", function()
  it("strips comments but keeps escaped hashes", function()
    assert.are.same({ a = "b", c = "x#y" }, (file.parse("a = b # no\nc = x\\#y\n; d = e\n# f = g\n")))
  end)

  it("joins continued lines, takes the last of equal names and drops empty values", function()
    assert.are.same({ a = "bc", d = "2" }, (file.parse("a = b\\\nc\nd = 1\nd = 2\ne =\n")))
  end)

  it("remarks on lines that mean nothing and on sections", function()
    local found, remarks = file.parse("nonsense\n[s]\na = b\n")
    assert.are.same({}, found)
    assert.are.equal(2, #remarks)
  end)
end)


describe("values", function()
  it("reads nginx sizes and times", function()
    assert.are.equal(8192, values.size("8k"))
    assert.are.equal(10485760, values.size("10m"))
    assert.is_nil(values.size("x"))
    assert.are.equal(75000, values.milliseconds("75s"))
    assert.are.equal(5400000, values.milliseconds("1h 30m"))
    assert.are.equal(500, values.milliseconds("500ms"))
    assert.is_nil(values.milliseconds("soon"))
  end)

  it("names the property and the allowed words", function()
    local _, err = values.read("log_level", "loud")
    assert.are.equal("log_level has an invalid value: 'loud' (debug, info, notice, warn, error, crit, alert, emerg)", err)
  end)

  it("does not show what is secret", function()
    assert.are.equal("******", values.shown("pg_password", "x"))
  end)
end)


describe("listeners", function()
  it("splits addresses, ports and flags", function()
    local list, details = listeners.parse("proxy_listen", { "[::1]:8000 ssl backlog=7", "0.0.0.0:1" }, "http")
    assert.are.equal("[::1]:8000 ssl backlog=7", list[1].listener)
    assert.is_true(list[1].ssl)
    assert.are.equal("7", details[1].backlog)
    assert.are.equal(1, list[2].port)
  end)

  it("refuses what it does not know", function()
    for _, entry in ipairs { "8000", "127.0.0.1:99999", "0.0.0.0:80 fast", "" } do
      local list, err = listeners.parse("proxy_listen", { entry }, "http")
      assert.is_nil(list)
      assert.matches("^proxy_listen must be of form", err)
    end
  end)
end)


describe("a loaded configuration", function()
  it("has typed values and what follows from them", function()
    local c = assert(load("prefix = /tmp/x/\ndatabase = off\nheaders = via\nplugins = bundled, own\n"))
    assert.are.equal("/tmp/x", c.prefix)
    assert.is_true(c.enabled_headers.Via)
    assert.is_false(c.enabled_headers.Server)
    assert.is_true(c.loaded_plugins.own and c.loaded_plugins["key-auth"])
    assert.are.equal("/tmp/x/pids/nginx.pid", c.nginx_pid)
    assert.are.equal(512, c.upstream_keepalive_pool_size)
  end)

  it("gathers all errors", function()
    local c, first, all = load("log_level = loud\nrole = y\n")
    assert.is_nil(c)
    assert.are.equal(2, #all)
    assert.are.equal(first, all[1])
  end)

  it("takes vault references from the environment and keeps them out of the saved text", function()
    posix.setenv("KGW_SPEC_LEVEL", "info")
    local c = assert(load("database = off\nlog_level = {vault://env/kgw-spec-level}\n"))
    assert.are.equal("info", c.log_level)
    assert.matches("log_level = {vault://env/kgw%-spec%-level}", conf.saved_text(c))
  end)

  it("refuses to start on a reference without value", function()
    local c, err = load("pg_user = {vault://env/kgw-no-such}\n", {}, { is_starting = true })
    assert.is_nil(c)
    assert.matches("failed to dereference '{vault://env/kgw%-no%-such}'.*pg_user", err)
  end)

  it("comes back the same from its saved text", function()
    local text = "line one\nline two # three \\"
    local c = assert(load("database = off\nadmin_listen = off\n", { declarative_config_string = text }))
    local again = assert(load(conf.saved_text(c), nil, { is_saved = true, ignores_environment = true }))
    assert.are.equal(text, again.declarative_config_string)
    assert.are.same(c.admin_listen, again.admin_listen)
  end)

  it("hides secrets and internal fields from view", function()
    local shown = conf.public(assert(load("database = off\npg_password = x\n")))
    assert.are.equal("******", shown.pg_password)
    for name in pairs(shown) do
      assert.are_not.equal("$", name:sub(1, 1))
    end
  end)

  it("warns about names that nobody knows", function()
    local c = assert(load("no_such = 1\ndatabase = off\n"))
    assert.matches("no_such", c["$remarks"][1])
  end)
end)
