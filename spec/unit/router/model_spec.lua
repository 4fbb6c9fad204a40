-- The router against a model that asks every part of every route in order.
local compatible = require "kong.router.compatible"
local router = require "kong.router"

local WORDS = { "/", "/a", "/a/", "/a/b", "/a/bc", "/ab", "/abc", "/b", "/b/c/d", "/a/b/c/d/e" }
local REGEXES = { "~/a/\\d+", "~/a/(b|c)$", "~/.*/d", "~/ab?c", "~/b/[a-z]+/d" }
local HOSTS = { "h.test", "i.test", "*.test", "h.*", "sub.h.test", "h.test:81" }
local METHODS = { "GET", "POST", "PUT" }


local function pick(list, random)
  return list[random(#list)]
end


local function some(list, random, most)
  local out = {}
  for _ = 1, random(most) do
    out[#out + 1] = pick(list, random)
  end
  return out
end


local function new_random(seed)
  local state = seed
  return function(n)
    state = (state * 1103515245 + 12345) % 2147483648
    return math.floor(state / 65536) % n + 1
  end
end


local function random_route(i, random)
  local route = { id = ("%08x-0000-4000-8000-%012x"):format(random(1000000), i), name = "r" .. i, protocols = { "http" } }
  if random(4) > 1 then
    route.paths = random(3) == 1 and some(REGEXES, random, 2) or some(WORDS, random, 3)
    if random(6) == 1 then
      table.insert(route.paths, pick(REGEXES, random))
    end
  end
  if random(3) == 1 then
    route.hosts = some(HOSTS, random, 2)
  end
  if random(3) == 1 or not (route.paths or route.hosts) then
    route.methods = some(METHODS, random, 2)
  end
  route.regex_priority = random(3) - 1
  return { route = route, service = {} }
end


local function host_matches(wanted, host, port)
  local name, wanted_port = wanted:match("^(.-):(%d+)$")
  name = name or wanted
  if wanted_port and tonumber(wanted_port) ~= port then
    return false
  end
  if name:sub(1, 1) == "*" then
    return #host > #name - 1 and host:sub(-(#name - 1)) == name:sub(2)
  elseif name:sub(-1) == "*" then
    return #host > #name - 1 and host:sub(1, #name - 1) == name:sub(1, -2)
  end
  return host == name
end


local function any(list, fn)
  for _, item in ipairs(list) do
    if fn(item) then
      return true
    end
  end
  return false
end


local function part_matches(part, request)
  local route = part.entry.route
  if route.methods and not any(route.methods, function(m) return m == request.method end) then
    return false
  end
  if route.hosts and not any(route.hosts, function(h) return host_matches(h, request.name, request.port) end) then
    return false
  end
  if part.plain then
    return any(part.plain, function(p) return request.path:sub(1, #p) == p end)
  elseif part.regexes then
    return any(part.regexes, function(re) return ngx.re.find(request.path, "^(?:" .. re .. ")", "jo") ~= nil end)
  end
  return true
end


local function expected(parts, request)
  for _, part in ipairs(parts) do
    if part_matches(part, request) then
      return part.entry.route.name
    end
  end
end


describe("router and model agree", function()
  for seed = 1, 12 do
    it("on random routes, seed " .. seed, function()
      local random = new_random(seed)
      local entries = {}
      for i = 1, 60 do
        entries[i] = random_route(i, random)
      end
      local parts = compatible.order(entries, "http")
      local found = assert(router.new(entries, { flavor = "traditional_compatible" }))
      for _ = 1, 300 do
        local request = { method = pick({ "GET", "POST", "PUT", "DELETE" }, random), name = pick({ "h.test", "i.test", "x.test", "h.com", "sub.h.test", "none" }, random),
                          path = pick(WORDS, random) .. pick({ "", "/", "b", "/12", "/d", "c/x" }, random) }
        local has_port = random(2) == 1
        request.port = has_port and 81 or 8000
        local match = found:select(request.method, request.name .. (has_port and ":81" or ""), request.path, "http", nil, nil, nil, nil, 8000,
                                   function() end, function() return {} end)
        assert.equal(expected(parts, request), match and match.route.name, request.method .. " " .. request.name .. request.path)
      end
    end)
  end
end)
