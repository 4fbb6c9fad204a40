local expression = require "kong.router.expression"
local router = require "kong.router"


local function request(fields)
  local out = { method = "GET", host = "a.test", path = "/", protocol = "http", src_ip = "127.0.0.1", src_port = 1000,
                dst_ip = "127.0.0.1", dst_port = 8000,
                get_header = function(name) return fields.headers and fields.headers[name] end,
                get_queries = function() return fields.queries or {} end }
  for key, value in pairs(fields) do
    out[key] = value
  end
  return out
end


local function matches(text, fields)
  return assert(expression.compile(text)).test(request(fields or {}))
end


describe("expression", function()
  it("compares paths", function()
    assert.is_true(matches('http.path ^= "/a"', { path = "/ab" }))
    assert.is_false(matches('http.path == "/a"', { path = "/ab" }))
    assert.is_true(matches('http.path =^ ".png"', { path = "/x.png" }))
    assert.is_true(matches('http.path contains "/m/"', { path = "/a/m/b" }))
    assert.is_true(matches([[http.path ~ r#"^/v\d+$"#]], { path = "/v12" }))
  end)

  it("binds || tighter than &&", function()
    local text = 'http.path ^= "/a" && http.method == "POST" || http.method == "PUT"'
    assert.is_true(matches(text, { path = "/a", method = "PUT" }))
    assert.is_false(matches(text, { path = "/b", method = "PUT" }))
  end)

  it("negates parentheses only", function()
    assert.is_true(matches('!(http.method == "POST")'))
    assert.is_nil(expression.compile('!http.method == "POST"'))
  end)

  it("wants all values of a header to match unless any() is used", function()
    local fields = { headers = { ["x-a"] = { "1", "2" } } }
    assert.is_false(matches('http.headers.x_a == "1"', fields))
    assert.is_true(matches('any(http.headers.x_a) == "2"', fields))
    assert.is_false(matches('http.headers.x_b == "1"', fields))
  end)

  it("reads segments", function()
    assert.is_true(matches('http.path.segments.1 == "b" && http.path.segments.len == 3', { path = "/a/b/c" }))
    assert.is_true(matches('http.path.segments.1_2 == "b/c"', { path = "/a/b/c" }))
    assert.is_false(matches('http.path.segments.1_2 == "b"', { path = "/a/b" }))
  end)

  it("tells an empty query argument from an absent one", function()
    assert.is_true(matches('http.queries.a == ""', { queries = { a = "" } }))
    assert.is_false(matches('http.queries.a == ""', { queries = { b = "" } }))
  end)

  it("compares addresses and ports", function()
    assert.is_true(matches("net.src.ip in 127.0.0.0/8"))
    assert.is_false(matches("net.src.ip not in 127.0.0.0/8"))
    assert.is_true(matches("net.dst.port >= 8000"))
  end)

  it("refuses unknown fields and types that do not fit", function()
    local _, err = expression.compile('http.nope == "a"')
    assert.equal("Unknown LHS field", err)
    _, err = expression.compile('net.dst.port == "80"')
    assert.equal("Type mismatch between the LHS and RHS values of predicate", err)
    assert.is_nil(expression.compile('http.path == "a'))
  end)

  it("tells the prefixes that a match must have", function()
    assert.same({ "/a" }, expression.compile('http.host == "x" && http.path ^= "/a"').prefixes)
    assert.same({ "/a", "/b" }, expression.compile('http.path ^= "/a" || http.path == "/b"').prefixes)
    assert.is_nil(expression.compile('lower(http.path) ^= "/a"').prefixes)
    assert.same({ "/v" }, expression.compile([[http.path ~ "^/v\\d+"]]).prefixes)
  end)
end)


describe("router of the expressions flavour", function()
  local function route(id, fields)
    fields.id = ("%08d-0000-4000-8000-000000000000"):format(id)
    fields.protocols = fields.protocols or { "http", "https" }
    return { route = fields, service = {} }
  end

  local function find(entries, path, method)
    local found = assert(router.new(entries, { flavor = "expressions" }))
    local match = found:select(method or "GET", "a.test", path, "http", nil, "127.0.0.1", 1, "127.0.0.1", 8000,
                               function() end, function() end)
    return match and match.route.name, match
  end

  it("asks expressions by priority before all other routes", function()
    local entries = {
      route(1, { name = "low", expression = 'http.path ^= "/a"', priority = 1 }),
      route(2, { name = "high", expression = 'http.path ^= "/a/b"', priority = 9 }),
      route(3, { name = "plain", paths = { "/a/b/c" } }),
    }
    assert.equal("high", (find(entries, "/a/b/c")))
    assert.equal("low", (find(entries, "/a/x")))
    assert.is_nil((find(entries, "/z")))
  end)

  it("gives the text that strip_path takes away", function()
    local _, match = find({ route(1, { name = "re", expression = [[http.path ~ r#"^/re/(\d+)"#]], priority = 1 }) }, "/re/12/x")
    assert.equal("/re/12", match.prefix)
    assert.equal("12", match.matches.uri_captures[1])
  end)

  it("asks for the protocol of the route", function()
    local https = route(1, { name = "s", expression = 'http.path ^= "/"', priority = 1, protocols = { "grpcs" } })
    assert.is_nil((find({ https }, "/")))
    https.route.protocols = { "https" }
    assert.equal("s", (find({ https }, "/")))
  end)
end)
