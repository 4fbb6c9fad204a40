local conf_module = require "kong.conf"
local posix = require "kgw.posix"
local prefix = require "kgw.prefix"


describe("the prefix folder", function()
  local folder

  before_each(function()
    folder = os.tmpname()
    os.remove(folder)
    prefix.note = nil
  end)

  after_each(function()
    os.execute("rm -rf " .. folder)
    prefix.note = nil
  end)

  it("is made when it is missing, and that is said", function()
    assert.is_true(prefix.ensure(folder))
    assert.is_true(posix.is_dir(folder))
    assert.are.equal("prefix directory " .. folder .. " not found, trying to create it", prefix.note)
  end)

  it("cannot be a file", function()
    posix.write_file(folder, "")
    local ok, err = prefix.ensure(folder)
    assert.is_nil(ok)
    assert.are.equal(folder .. " is not a directory", err)
  end)

  it("holds folders, logs and the saved configuration that only owner and group may read", function()
    prefix.ensure(folder)
    local conf = assert(conf_module.load("/dev/null", { prefix = folder, database = "off", pg_password = "x" }, { ignores_environment = true }))
    assert(prefix.prepare(conf))
    for _, name in ipairs { "logs", "pids", "sockets", "ssl" } do
      assert.is_true(posix.is_dir(folder .. "/" .. name))
    end
    local pipe = io.popen("stat -c %a " .. folder .. "/.kong_env")
    assert.are.equal("640", pipe:read("*l"))
    pipe:close()
    local again = assert(conf_module.load(folder .. "/.kong_env", {}, { is_saved = true, ignores_environment = true }))
    assert.are.equal("x", again.pg_password)
    assert.are.equal(folder, again.prefix)
  end)

  it("does not take a stale pid file for a node", function()
    prefix.ensure(folder)
    posix.mkdirs(folder .. "/pids")
    assert.is_nil(prefix.running(folder))
    for _, pid in ipairs { "", "1\n", tostring(posix.getpid()), "999999999" } do
      posix.write_file(folder .. "/pids/nginx.pid", pid)
      assert.is_nil(prefix.running(folder), pid)
    end
  end)
end)
