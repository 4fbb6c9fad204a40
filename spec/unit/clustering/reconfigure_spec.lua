-- Messages that follow each other: where a few rows changed, only these are looked at, and what comes out is the same as when
-- everything is.
require "ngx"
local cjson = require "cjson"
local kong_db = require "kong.db"

local null = cjson.null
local random = math.random


local function ident(n)
  return ("%08x-0000-4000-8000-%012x"):format(n * 7919 % 65536, n)
end


local function service(n)
  return { id = ident(n), name = "s" .. n, host = "h" .. random(100), port = 80, protocol = "http", enabled = true, tags = null,
           created_at = 1, updated_at = 1 }
end


local function route(n, service_id)
  return { id = ident(n), name = "r" .. n, paths = { "/" .. n .. "/" .. random(100) }, protocols = { "http" }, service = service_id, hosts = null,
           created_at = 1, updated_at = 1 }
end


describe("configurations that follow each other", function()
  local db, reconfigure, real, counts

  before_each(function()
    math.randomseed(5)
    counts = { exchange = 0, rebuild = 0 }
    real = { runloop = package.loaded["kong.runloop"], kong = rawget(_G, "kong") }
    package.loaded["kong.clustering.reconfigure"] = nil
    package.loaded["kong.runloop"] = {
      rebuild = function(options)
        counts.rebuild = counts.rebuild + 1
        db.store = options.store
        return true
      end,
      exchange = function(_, _, make_store)
        counts.exchange = counts.exchange + 1
        db.store = make_store()
        return true
      end,
    }
    db = kong_db.new {}
    _G.kong = { db = db, configuration = {} }
    reconfigure = require "kong.clustering.reconfigure"
  end)

  after_each(function()
    package.loaded["kong.runloop"], package.loaded["kong.clustering.reconfigure"] = real.runloop, nil
    _G.kong = real.kong
  end)


  local serial = 0

  local function take(config, hash)
    serial = serial + 1
    config._format_version, config._transform = "3.0", false
    return reconfigure.take(cjson.encode({ type = "reconfigure", config_table = config, config_hash = hash or ("%032d"):format(serial), hashes = {} }))
  end


  -- Every list and every index is that of the configuration looked at as a whole.
  local function compare(config)
    local whole = kong_db.new {}
    local lists = assert(require("kong.db.declarative").parse_table(cjson.decode(cjson.encode(config)), nil, whole, nil, { is_lenient = true }))
    local wanted = require("kong.db.store").new(db.entities, lists)
    for _, info in ipairs(db.entities:sorted()) do
      local got, want = db.store[info.name], wanted[info.name]
      if info.name == "workspaces" then
        -- The default one is made at some second.
        want = got
      end
      assert.same(want.list, got.list)
      assert.same(want.by_id, got.by_id)
      for _, name in ipairs(info.uniques) do
        assert.same(want.unique[name], got.unique[name])
      end
      for _, foreign in ipairs(info.foreigns) do
        local a, b = want.foreign[foreign.name], got.foreign[foreign.name]
        for id, rows in pairs(b) do
          assert.equal(#rows, #(a[id] or {}))
        end
        for id, rows in pairs(a) do
          assert.equal(#rows, #(b[id] or {}))
        end
      end
    end
  end


  local function random_config()
    local config = { services = {}, routes = {}, consumers = {}, upstreams = {}, targets = {} }
    for n = 1, 10 do
      config.services[n] = service(n)
    end
    for n = 101, 160 do
      config.routes[#config.routes + 1] = route(n, ident(random(10)))
    end
    for n = 201, 210 do
      config.consumers[#config.consumers + 1] = { id = ident(n), username = "c" .. n, created_at = 1, updated_at = 1 }
      config.upstreams[#config.upstreams + 1] = { id = ident(n + 100), name = "u" .. n, created_at = 1, updated_at = 1 }
      config.targets[#config.targets + 1] = { id = ident(n + 200), upstream = ident(n + 100), target = "1.2.3.4:" .. n, weight = 1,
                                               created_at = 1, updated_at = 1 }
    end
    return config
  end


  local next_id = 1000

  local CHANGES = {
    function(config)  -- a row is another one
      local i = random(#config.routes)
      config.routes[i].paths = { "/changed/" .. random(1000) }
    end,
    function(config)
      local i = random(#config.services)
      config.services[i].host = "other" .. random(1000)
    end,
    function(config)  -- comes
      next_id = next_id + 1
      table.insert(config.routes, random(#config.routes + 1), route(next_id, config.services[random(#config.services)].id))
    end,
    function(config)  -- goes
      table.remove(config.routes, random(#config.routes))
    end,
    function(config)  -- parent and child in one
      next_id = next_id + 2
      table.insert(config.services, service(next_id - 1))
      table.insert(config.routes, random(#config.routes), route(next_id, ident(next_id - 1)))
    end,
    function(config)  -- names move from row to row
      local a, b = config.consumers[random(#config.consumers)], config.consumers[random(#config.consumers)]
      a.username, b.username = b.username, a.username
    end,
    function(config)
      config.targets[random(#config.targets)].weight = random(100)
    end,
    function(config)  -- the order changes
      local i, j = random(#config.routes), random(#config.routes)
      config.routes[i], config.routes[j] = config.routes[j], config.routes[i]
    end,
  }


  it("come out as if each was looked at as a whole", function()
    for _ = 1, 4 do
      local config = random_config()
      for _ = 1, 40 do
        for _ = 1, random(3) do
          CHANGES[random(#CHANGES)](config)
        end
        assert(take(config))
        compare(config)
      end
    end
    assert.is_true(counts.exchange > 80)
  end)


  it("keep rows that did not change", function()
    local config = random_config()
    assert(take(config))
    local before = db.store
    config.routes[3].paths = { "/new" }
    assert(take(config))
    assert.equal(1, counts.exchange)
    for i, row in ipairs(before.routes.list) do
      assert.equal(i == 3, row ~= db.store.routes.list[i])
    end
    assert.same({ "/new" }, db.store.routes.list[3].paths)
    assert.equal(before.services, db.store.services)
  end)


  it("refuse what is wrong with a few rows as they do for all, and keep the old one", function()
    local BAD = {
      ["routes.1: "] = function(config) config.routes[1].paths = { "no slash" } end,
      ["invalid reference 'service: "] = function(config) config.routes[2].service = ident(999) end,
      ["no such entry in 'services'"] = function(config) table.remove(config.services, 1) end,
      ["name set to 's2' already declared"] = function(config) config.services[1].name = "s2" end,
      ["primary key set to"] = function(config) config.routes[1].id = config.routes[2].id; config.routes[1].name = "z" end,
    }
    for text, spoil in pairs(BAD) do
      local config = random_config()
      config.routes[1].service = config.services[1].id
      assert(take(config))
      local before = db.store
      local bad = cjson.decode(cjson.encode(config))
      spoil(bad)
      local ok, err = take(bad)
      assert.is_nil(ok)
      assert.matches(text == "routes.1: " and "should start with: /" or text, err, 1, true)
      assert.equal(before, db.store)
      config.routes[5].paths = { "/after" }
      assert(take(config))
      compare(config)
    end
  end)


  it("are looked at as a whole where the rows in use came otherwise", function()
    local config = random_config()
    assert(take(config))
    -- As in a worker that took another's place: the rows are newer than the message.
    config.routes[2].paths = { "/newer" }
    local newer = cjson.decode(cjson.encode(config))
    newer._format_version, newer._transform = "3.0", false
    local lists = assert(require("kong.db.declarative").parse_table(newer, nil, db, nil, { is_lenient = true }))
    db.store = require("kong.db.store").new(db.entities, lists)
    table.remove(config.routes, 7)
    local before = counts.exchange
    assert(take(config))
    assert.equal(before, counts.exchange)
    compare(config)
    config.routes[1].paths = { "/again" }
    assert(take(config))
    assert.equal(before + 1, counts.exchange)
    compare(config)
  end)


  it("may lose a whole entity, or all rows", function()
    local config = random_config()
    assert(take(config))
    config.targets = nil
    assert(take(config))
    assert.equal(0, #db.store.targets.list)
    compare(config)
    assert(take({}))
    assert.equal(("0"):rep(32), reconfigure.current_hash())
    assert.equal(0, #db.store.routes.list)
    assert(take(config))
    compare(config)
  end)


  it("reach other workers as edits", function()
    local sync = require "kong.db.declarative.sync"
    local shared = ngx.shared
    if not shared.kong_config or not shared.kong then
      return pending("no shared dictionaries here")
    end
    local config = random_config()
    assert(take(config))
    local mine = db
    for round = 1, 80 do
      CHANGES[random(#CHANGES)](config)
      assert(take(config))
      if round % 9 == 0 then
        -- Another worker: a database of its own, which is some versions behind or new.
        local lists = mine.store
        db = kong_db.new {}
        _G.kong.db = db
        sync.serving(0)
        sync.catch_up()
        for _, info in ipairs(mine.entities:sorted()) do
          assert.same(lists[info.name].list, db.store[info.name].list)
        end
        db = mine
        _G.kong.db = mine
      end
    end
  end)
end)
