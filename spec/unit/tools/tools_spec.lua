describe("kong.tools.ip", function()
  local ip = require "kong.tools.ip"

  it("tells addresses from what looks like them", function()
    for _, text in ipairs { "1.2.3.4", "0.0.0.0", "255.255.255.255" } do
      assert.is_true(ip.is_valid_ipv4(text), text)
    end
    for _, text in ipairs { "1.2.3", "1.2.3.256", "1..2.3", "1.2.3.4.5", "a.b.c.d", "", "1.2.3.4 " } do
      assert.is_false(ip.is_valid_ipv4(text), text)
    end
    for _, text in ipairs { "::", "::1", "1::", "fe80::1", "1:2:3:4:5:6:7:8", "::ffff:1.2.3.4" } do
      assert.is_true(ip.is_valid_ipv6(text), text)
    end
    for _, text in ipairs { ":", ":::", "1:2:3", "1:2:3:4:5:6:7:8:9", "12345::", "::1.2.3", "g::", "1::2::3" } do
      assert.is_false(ip.is_valid_ipv6(text), text)
    end
  end)

  it("bounds prefixes", function()
    assert.is_true(ip.is_valid_cidr("10.0.0.0/8"))
    assert.is_true(ip.is_valid_cidr("::/0"))
    assert.is_false(ip.is_valid_cidr("10.0.0.0/33"))
    assert.is_false(ip.is_valid_cidr("::/129"))
    assert.is_false(ip.is_valid_cidr("10.0.0.0/08"))
  end)

  it("brings addresses into one form", function()
    assert.same({ "1.2.3.4", 80 }, { ip.normalize_ipv4("1.2.3.4:80") })
    assert.same({ "0000:0000:0000:0000:0000:0000:0000:0001", 81 }, { ip.normalize_ipv6("[::1]:81") })
    assert.equal("[0000:0000:0000:0000:0000:0000:0000:0001]:80", ip.format_host("::1", 80))
  end)
end)


describe("kong.tools.ip_set", function()
  local ip_set = require "kong.tools.ip_set"

  it("holds the addresses of its networks and no others", function()
    local set = assert(ip_set.new { "10.0.0.0/8", "192.168.1.1", "fd00::/8", "::1" })
    for _, text in ipairs { "10.0.0.0", "10.255.255.255", "192.168.1.1", "fdff::1", "::1" } do
      assert.is_true(set:contains(text), text)
    end
    for _, text in ipairs { "11.0.0.0", "9.255.255.255", "192.168.1.2", "fe00::", "::2", "junk", "" } do
      assert.is_false(set:contains(text), text)
    end
  end)

  it("takes everything with a prefix of nothing", function()
    local set = assert(ip_set.new { "0.0.0.0/0" })
    assert.is_true(set:contains("255.1.2.3"))
    assert.is_false(set:contains("::1"))
  end)

  it("refuses what is no network", function()
    assert.is_nil((ip_set.new { "10.0.0.0/40" }))
    assert.is_nil((ip_set.new { "nonsense" }))
  end)
end)


describe("kong.tools.timestamp", function()
  local timestamp = require "kong.tools.timestamp"

  it("finds the beginnings of all periods", function()
    local at = 1709209845123 -- 2024-02-29T12:30:45.123Z
    assert.same({
      second = 1709209845000, minute = 1709209800000, hour = 1709208000000, day = 1709164800000,
      month = 1706745600000, year = 1704067200000,
    }, timestamp.get_timestamps(at))
  end)

  it("knows the calendar", function()
    local t = timestamp.get_timetable(1709209845)
    assert.same({ 2024, 2, 29, 12, 30, 45, 5, 60 }, { t.year, t.month, t.day, t.hour, t.min, t.sec, t.wday, t.yday })
    assert.equal(1709209845, t:timestamp())
  end)
end)


describe("kong.tools.gzip", function()
  local gzip = require "kong.tools.gzip"

  it("brings back what it packed", function()
    local text = ("hello "):rep(50000)
    local packed = gzip.deflate_gzip(text)
    assert.is_true(#packed < #text / 10)
    assert.equal(text, gzip.inflate_gzip(packed))
    assert.equal("", gzip.inflate_gzip(gzip.deflate_gzip("")))
  end)

  it("says no to junk and to half a stream", function()
    assert.is_nil((gzip.inflate_gzip("junk")))
    assert.is_nil((gzip.inflate_gzip(gzip.deflate_gzip("hello"):sub(1, 12))))
  end)
end)


describe("kong.tools.http", function()
  local http = require "kong.tools.http"

  it("answers in the type the client likes best", function()
    for accept, wanted in pairs {
      ["text/html"] = "text/html; charset=utf-8",
      ["text/html;q=0.5, text/plain;q=0.9"] = "text/plain; charset=utf-8",
      ["application/json;q=0, text/plain"] = "text/plain; charset=utf-8",
      ["image/png, application/xml"] = "application/xml; charset=utf-8",
      ["*/*"] = "application/json; charset=utf-8",
      ["image/png"] = "application/json; charset=utf-8",
    } do
      assert.equal(wanted, http.get_response_type(accept), accept)
    end
    assert.equal("application/json; charset=utf-8", http.get_response_type(nil))
  end)

  it("reads directives", function()
    assert.same({ ["max-age"] = 5, private = true, x = "y" }, http.parse_directive_header("max-age=5, Private,x=y"))
    assert.same({ a = true, b = true }, http.parse_directive_header({ "a", "b" }))
    assert.same({}, http.parse_directive_header(nil))
  end)

  it("encodes nested arguments", function()
    assert.equal("a%5b1%5d=x&a%5b2%5d=y&b=2", http.encode_args({ b = 2, a = { "x", "y" } }))
    assert.equal("a%5b%5d=x", http.encode_args({ a = { "x" } }, false, true))
    assert.equal("a%2eb=c", http.encode_args({ a = { b = "c" } }))
    assert.same({ a = { "x", "y" }, b = true, c = ngx.null },
                http.decode_args({ a = { ["1"] = "x", ["2"] = "y" }, b = "true", c = "" }))
  end)
end)


describe("kong.tools.table", function()
  local tools = require "kong.tools.table"

  it("copies cycles", function()
    local t = { a = { 1 } }
    t.me = t
    local copy = tools.cycle_aware_deep_copy(t)
    assert.equal(copy, copy.me)
    assert.not_equal(t.a, copy.a)
    assert.same(t.a, copy.a)
  end)

  it("tells arrays from maps", function()
    assert.is_true(tools.is_array({ 1, 2 }))
    assert.is_true(tools.is_array({}))
    assert.is_false(tools.is_array({ [2] = 1 }))
    assert.is_false(tools.is_array({ 1, x = 2 }))
    assert.is_true(tools.is_array({ ["1"] = "a" }, "lapis"))
  end)

  it("merges and collects", function()
    assert.same({ a = { x = 1, y = 2 } }, tools.deep_merge({ a = { x = 1 } }, { a = { y = 2 } }))
    assert.same({ k = { "a", "b" } }, tools.add_error(tools.add_error(nil, "k", "a"), "k", "b"))
    assert.has.errors(function()
      tools.EMPTY.x = 1
    end)
  end)
end)


describe("kong.tools.sandbox", function()
  local sandbox = require "kong.tools.sandbox"
  local kong_before

  setup(function()
    kong_before = rawget(_G, "kong")
  end)

  teardown(function()
    _G.kong = kong_before
    sandbox.configuration:clear()
  end)

  local function with(settings)
    _G.kong = { configuration = settings }
    sandbox.configuration:clear()
  end

  it("hides files, other modules and the globals", function()
    with { untrusted_lua = "sandbox" }
    for _, code in ipairs { "return io", "return os.execute", "return debug", "return load", "return string.dump" } do
      assert.is_nil(sandbox.sandbox(code)())
    end
    assert.has.errors(function()
      sandbox.sandbox("require 'cjson'")()
    end)
    assert.has.errors(function()
      sandbox.sandbox("string.upper = nil")()
    end)
    assert.equal("X", sandbox.sandbox("return ('x'):upper()")())
  end)

  it("opens what the settings name", function()
    with { untrusted_lua = "sandbox", untrusted_lua_sandbox_requires = { "cjson" },
           untrusted_lua_sandbox_environment = { "os.getenv" } }
    assert.equal("table", type(sandbox.sandbox("return require 'cjson'")()))
    assert.is_function(sandbox.sandbox("return os.getenv")() or print)
  end)

  it("loads nothing when it is off", function()
    with { untrusted_lua = "off" }
    assert.is_false((sandbox.validate("return function() end")))
  end)

  it("wants a function from a function's code", function()
    with { untrusted_lua = "sandbox" }
    assert.is_true(sandbox.validate("return function() end"))
    local ok, err = sandbox.validate("return 1")
    assert.is_false(ok)
    assert.equal("Bad return value from function, expected function type, got number", err)
    assert.is_false((sandbox.validate("return (")))
  end)
end)
