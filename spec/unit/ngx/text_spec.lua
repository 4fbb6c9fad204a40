-- Pure functions of ngx over strings.
describe("ngx", function()
  it("escapes components and URIs as nginx does", function()
    assert.equal("a%20b%2Fc%3F", ngx.escape_uri("a b/c?"))
    assert.equal("a%20b/c%3F", ngx.escape_uri("a b/c?", 0))
    assert.equal("", ngx.escape_uri(nil))
    assert.has_error(function() ngx.escape_uri("a", 9) end)
  end)

  it("keeps escapes that are broken", function()
    assert.equal("A%zz%4 ", ngx.unescape_uri("%41%zz%4+"))
  end)

  it("gives back any bytes through escaping", function()
    math.randomseed(3)
    for _ = 1, 200 do
      local bytes = {}
      for i = 1, math.random(0, 40) do
        bytes[i] = string.char(math.random(0, 255))
      end
      local text = table.concat(bytes)
      assert.equal(text, ngx.unescape_uri(ngx.escape_uri(text)))
      assert.equal(text, ngx.decode_base64(ngx.encode_base64(text)))
      local url = require "ngx.base64"
      assert.equal(text, url.decode_base64url(url.encode_base64url(text)))
    end
  end)

  it("decodes arguments", function()
    assert.same({ a = { "1", "2", true }, b = "", c = " x" }, ngx.decode_args("a=1&b=&a=2&a&=drop&c=%20x"))
    local t, err = ngx.decode_args("a=1&b=2&c=3", 2)
    assert.same({ { a = "1", b = "2" }, "truncated" }, { t, err })
    assert.same({}, ngx.decode_args(""))
  end)

  it("decodes more arguments than fit in the memory it keeps", function()
    local parts = {}
    for i = 1, 3000 do
      parts[i] = "k" .. i .. "=" .. i
    end
    local t, err = ngx.decode_args(table.concat(parts, "&"), 0)
    assert.is_nil(err)
    assert.equal("3000", t.k3000)
    t, err = ngx.decode_args(table.concat(parts, "&"), 1000)
    assert.equal("truncated", err)
    assert.is_nil(t.k1001)
  end)

  it("encodes arguments", function()
    assert.equal("a=1&a=x%20y&a", ngx.encode_args({ a = { 1, "x y", true } }))
    assert.equal("", ngx.encode_args({ a = false }))
    assert.has_error(function() ngx.encode_args({ "x" }) end, 'attempt to use a non-string key in the "args" option table')
    assert.has_error(function() ngx.encode_args({ a = print }) end, "attempt to use function as query arg value")
  end)

  it("computes digests", function()
    assert.equal("5d41402abc4b2a76b9719d911017c592", ngx.md5("hello"))
    assert.equal("qvTGHdzF6KLavt4PO0gs2a6pQ00=", ngx.encode_base64(ngx.sha1_bin("hello")))
    assert.equal(907060870, ngx.crc32_short("hello"))
    assert.equal(20, #ngx.hmac_sha1("key", "text"))
  end)

  it("writes and reads times", function()
    assert.equal("Thu, 01 Jan 1970 00:00:01 GMT", ngx.http_time(1))
    assert.equal("Thu, 01-Jan-70 00:00:01 GMT", ngx.cookie_time(1))
    assert.equal("Thu, 31-Dec-2099 23:59:59 GMT", ngx.cookie_time(4102444799))
    assert.equal(784111777, ngx.parse_http_time("Sun, 06 Nov 1994 08:49:37 GMT"))
    assert.is_nil(ngx.parse_http_time("yesterday"))
  end)

  it("refuses what needs a request", function()
    assert.has_error(function() return ngx.var.uri end, "API disabled in the current context")
    assert.has_error(function() ngx.say("x") end, "API disabled in the context of ngx.timer")
    assert.has_error(function() ngx.req.get_headers() end, "API disabled in the current context")
    assert.has_error(function() return ngx.arg[1] end, "API disabled in the current context")
    assert.equal("timer", ngx.get_phase())
  end)

  it("has the module functions of Lua 5.2 that plugins use", function()
    local t = table.pack(1, nil, 3)
    assert.equal(3, t.n)
    assert.same({ 2, 3 }, { table.unpack({ 1, 2, 3 }, 2) })
    local seen = {}
    for k, v in pairs(setmetatable({}, { __pairs = function() return next, { a = 1 } end })) do
      seen[k] = v
    end
    assert.same({ a = 1 }, seen)
  end)
end)
