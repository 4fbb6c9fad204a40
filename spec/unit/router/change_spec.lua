-- A router that had routes exchanged answers as one that was built from the same routes.
require "ngx"
local router = require "kong.router"

local random = math.random

local PATHS = { "/", "/a", "/a/b", "/a/b/c", "/ab", "/b", "/b/", "/c/long/path", "~/r/(?<id>\\d+)", "~/a/.*x$", "~/b" }
local HOSTS = { "h.test", "w.h.test", "*.h.test", "h.*", "p.test:8000" }
local METHODS = { "GET", "POST", "PUT" }


local function some(list, most)
  local out, seen = {}, {}
  for _ = 1, random(most) do
    local item = list[random(#list)]
    if not seen[item] then
      seen[item] = true
      out[#out + 1] = item
    end
  end
  return out
end


local function new_route(n)
  local route = {
    id = ("%08x-0000-4000-8000-%012x"):format(random(0, 0x7fffffff), n), name = "r" .. n,
    protocols = random(20) == 1 and { "tcp" } or { "http", "https" }, regex_priority = random(3) - 1, service = { id = "s" .. random(3) },
  }
  if random(10) > 1 then
    route.paths = some(PATHS, 3)
  end
  if not route.paths or random(3) == 1 then
    route.hosts = some(HOSTS, 2)
  end
  if random(4) == 1 then
    route.methods = some(METHODS, 2)
  end
  if random(6) == 1 then
    route.headers = { ["x-a"] = { "1" } }
  end
  return route
end


local function entries_of(routes, services)
  local entries = {}
  for i, route in ipairs(routes) do
    entries[i] = { route = route, service = services[route.service.id] }
  end
  return entries
end


local function answer(made, request)
  local found = made:select(request.method, request.host, request.path, "http", nil, nil, nil, "127.0.0.1", request.port, function(name)
    return name == "x-a" and request.header or nil
  end, function() return {} end)
  return found and { found.route.name, found.service, found.prefix, found.matches.uri, found.matches.host }
end


local REQUEST_PATHS = { "/", "/a", "/a/b/c/d", "/ab", "/b/x", "/c/long/path/x", "/r/12", "/a/zzx", "/nothing" }


local function compare(changed, built)
  for _, path in ipairs(REQUEST_PATHS) do
    for _, host in ipairs { "h.test", "w.h.test", "v.w.h.test", "h.com", "p.test:8000", "other" } do
      for _, header in ipairs { "1", false } do
        local request = { method = METHODS[random(3)], host = host, path = path, port = random(2) == 1 and 8000 or 80, header = header or nil }
        assert.same(answer(built, request), answer(changed, request))
      end
    end
  end
end


describe("kong.router: change", function()
  local services

  before_each(function()
    math.randomseed(7)
    services = {}
    for i = 1, 3 do
      services["s" .. i] = { id = "s" .. i, enabled = true }
    end
  end)


  it("answers as a new router does, whatever was exchanged", function()
    for _ = 1, 12 do
      local routes = {}
      for n = 1, 30 do
        routes[n] = new_route(n)
      end
      local changed = assert(router.new(entries_of(routes, services), { flavor = "traditional_compatible" }))
      for step = 1, 25 do
        local removed, added, pairs_of_services = {}, {}, {}
        for _ = 1, random(0, 3) do
          removed[#removed + 1] = table.remove(routes, random(#routes))
        end
        for n = 1, random(0, 3) do
          added[n] = new_route(1000 * step + n)
          routes[#routes + 1] = added[n]
        end
        if random(3) == 1 then
          local id = "s" .. random(3)
          local old = services[id]
          services[id] = { id = id, enabled = true, step = step }
          pairs_of_services[1] = { old = old, new = services[id] }
        end
        assert.is_true(changed:change(removed, entries_of(added, services), pairs_of_services))
        compare(changed, assert(router.new(entries_of(routes, services), { flavor = "traditional_compatible" })))
      end
    end
  end)


  it("makes room between ranks when there is none left", function()
    local routes = { new_route(1), new_route(2) }
    local changed = assert(router.new(entries_of(routes, services), { flavor = "traditional_compatible" }))
    -- Each comes right after the one before: the room halves every time.
    for n = 1, 60 do
      local route = { id = ("00000000-0000-4000-8000-%012x"):format(1000 - n), name = "n" .. n, protocols = { "http" }, paths = { "/deep" },
                      service = { id = "s1" } }
      routes[#routes + 1] = route
      assert.is_true(changed:change({}, entries_of({ route }, services), {}))
      assert.equal("n1", answer(changed, { method = "GET", host = "other", path = "/deep/x", port = 80 })[1])
    end
    compare(changed, assert(router.new(entries_of(routes, services), { flavor = "traditional_compatible" })))
  end)


  it("tells that it takes a new router: no room, a service that is switched off, another flavour", function()
    local routes = { new_route(1) }
    local changed = assert(router.new(entries_of(routes, services), { flavor = "traditional_compatible" }))
    local many = {}
    for n = 1, 500 do
      many[n] = new_route(1000 + n)
    end
    local before = answer(changed, { method = "GET", host = "h.test", path = "/a", port = 80 })
    assert.is_false(changed:change({}, entries_of(many, services), {}))
    assert.is_false(changed:change({}, {}, { { old = services.s1, new = { id = "s1", enabled = false } } }))
    assert.same(before, answer(changed, { method = "GET", host = "h.test", path = "/a", port = 80 }))
    assert.is_true(changed:change(routes, {}, {}))
    local plain = assert(router.new(entries_of(routes, services), { flavor = "traditional" }))
    assert.is_false(plain:change({}, {}, {}))
  end)
end)
