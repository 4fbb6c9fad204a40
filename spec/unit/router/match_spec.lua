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
