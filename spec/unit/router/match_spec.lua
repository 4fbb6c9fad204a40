local path = require "kong.router.path"
local router = require "kong.router"


local function entry(id, fields)
  fields.id = ("%08d-0000-4000-8000-000000000000"):format(id)
  fields.protocols = fields.protocols or { "http", "https" }
  return { route = fields, service = fields.service or {} }
end


local function select(entries, flavor, request)
  local found = assert(router.new(entries, { flavor = flavor }))
  local match = found:select(request.method or "GET", request.host, request.path or "/", request.scheme or "http", request.sni,
                             nil, nil, nil, request.port or 8000, function(name)
                               return request.headers and request.headers[name]
                             end)
  return match and match.route.name, match
end


for _, flavor in ipairs { "traditional_compatible", "traditional" } do
  describe("router, " .. flavor, function()
    it("takes the longest plain prefix", function()
      local entries = { entry(1, { name = "a", paths = { "/a" } }), entry(2, { name = "ab", paths = { "/a/b" } }) }
      assert.equal("ab", (select(entries, flavor, { path = "/a/b/c" })))
      assert.equal("a", (select(entries, flavor, { path = "/ax" })))
      assert.is_nil((select(entries, flavor, { path = "/b" })))
    end)

    it("prefers more kinds of attributes", function()
      local entries = { entry(1, { name = "path", paths = { "/a/b/c" } }),
                        entry(2, { name = "host", paths = { "/a" }, hosts = { "h.test" } }) }
      assert.equal("host", (select(entries, flavor, { path = "/a/b/c", host = "h.test" })))
      assert.equal("path", (select(entries, flavor, { path = "/a/b/c", host = "x.test" })))
    end)

    it("matches wildcard hosts", function()
      local entries = { entry(1, { name = "left", hosts = { "*.w.test" } }), entry(2, { name = "right", hosts = { "w2.*" } }) }
      assert.equal("left", (select(entries, flavor, { host = "a.w.test" })))
      assert.equal("right", (select(entries, flavor, { host = "w2.com" })))
      assert.is_nil((select(entries, flavor, { host = "w.test" })))
    end)

    it("tells captures of a path regex", function()
      local _, match = select({ entry(1, { name = "re", paths = { "~/u/(?<id>\\d+)" } }) }, flavor, { path = "/u/42/x" })
      assert.equal("42", match.matches.uri_captures.id)
      assert.equal("/u/42", match.prefix)
    end)

    it("leaves out routes of services that are switched off", function()
      assert.is_nil((select({ entry(1, { name = "off", paths = { "/" }, service = { enabled = false } }) }, flavor, {})))
    end)

    it("finds the last of ten thousand routes", function()
      local entries = {}
      for i = 1, 10000 do
        entries[i] = entry(i, { name = "r" .. i, paths = { "/r" .. i .. "/" } })
      end
      assert.equal("r10000", (select(entries, flavor, { path = "/r10000/x" })))
      assert.equal("r1", (select(entries, flavor, { path = "/r1/x" })))
    end)
  end)
end


describe("order of the compatible flavour", function()
  local function first(entries, request)
    return (select(entries, "traditional_compatible", request))
  end

  it("puts a regex before more kinds of attributes", function()
    local entries = { entry(1, { name = "re", paths = { "~/o/a.*" } }),
                      entry(2, { name = "kinds", paths = { "/o/a" }, methods = { "GET" } }) }
    assert.equal("re", first(entries, { path = "/o/ab" }))
  end)

  it("puts plain hosts before regexes", function()
    local entries = { entry(1, { name = "re", paths = { "~/o/a.*" }, methods = { "GET" } }),
                      entry(2, { name = "host", hosts = { "h.test" } }) }
    assert.equal("host", first(entries, { path = "/o/ab", host = "h.test" }))
  end)

  it("puts four kinds before everything else, by kinds, hosts and headers", function()
    local base = { hosts = { "h.test" }, paths = { "/k" }, methods = { "GET" } }
    local function four(id, name, fields)
      local out = { name = name }
      for key, value in pairs(base) do
        out[key] = value
      end
      for key, value in pairs(fields) do
        out[key] = value
      end
      return entry(id, out)
    end
    local entries = {
      four(1, "three", {}), four(2, "one header", { headers = { ["x-a"] = { "1" } } }),
      four(3, "two headers", { headers = { ["x-a"] = { "1" }, ["x-b"] = { "1" } } }),
      four(4, "wild", { hosts = { "*.test" }, headers = { ["x-a"] = { "1" }, ["x-b"] = { "1" } } }),
    }
    local request = { path = "/k", host = "h.test", headers = { ["x-a"] = "1", ["x-b"] = "1" } }
    assert.equal("two headers", first(entries, request))
    request.headers = { ["x-a"] = "1" }
    assert.equal("one header", first(entries, request))
    request.headers = nil
    assert.equal("three", first(entries, request))
  end)

  it("gives ties to the greater id", function()
    local entries = { entry(1, { name = "small", paths = { "/t" } }), entry(2, { name = "great", paths = { "/t" } }) }
    assert.equal("great", first(entries, { path = "/t" }))
  end)
end)


describe("categories of the flavour traditional", function()
  it("keep a plain host with a port to that port", function()
    local entries = { entry(1, { name = "p80", hosts = { "b.test:80" } }) }
    assert.equal("p80", (select(entries, "traditional", { host = "b.test:80" })))
    assert.is_nil((select(entries, "traditional", { host = "b.test" })))
  end)

  it("count every path of a route for itself", function()
    local entries = { entry(1, { name = "two", paths = { "/a", "/a/b" } }) }
    local _, match = select(entries, "traditional", { path = "/a/b/c" })
    assert.equal("/a/b", match.prefix)
  end)
end)


describe("upstream path", function()
  local cases = {
    { "/", "/r", true, "/r", "/" }, { "/", "/r", true, "/req", "/eq" }, { "/s", "/r", true, "/r/", "/s/" },
    { "/s", "/r", false, "/r/req", "/s/r/req" }, { "/s/", "/r", true, "/r", "/s" }, { "/s/", "/r/", true, "/r/req", "/s/req" },
    { "/s", "/", true, "/", "/s" }, { "/s/", "/", false, "/req", "/s/req" }, { "/", "/r", true, "/r/../x", "/../x" },
  }
  for _, case in ipairs(cases) do
    it(("of %s for %s on %s, strip %s"):format(case[4], case[2], case[1], tostring(case[3])), function()
      assert.equal(case[5], path.upstream_path(case[1], case[2], case[4], case[3], "v0"))
    end)
  end
end)
