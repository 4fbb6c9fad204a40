local declarative = require "kong.db.declarative"
local Entity = require "kong.db.schema.entity"
local cjson = require "cjson"
local kong_db = require "kong.db"
local typedefs = require "kong.db.schema.typedefs"


local function new_db()
  local db = kong_db.new {}
  db:add_entity(assert(Entity.new {
    name = "spec_credentials", primary_key = { "id" }, endpoint_key = "key", cache_key = { "key" }, workspaceable = true,
    fields = {
      { id = typedefs.uuid }, { created_at = typedefs.auto_timestamp_s },
      { consumer = { type = "foreign", reference = "consumers", required = true, on_delete = "cascade" } },
      { key = { type = "string", unique = true, auto = true } },
    },
  }))
  local plugins = db.entities:get("plugins").schema
  assert(Entity.new_subschema(plugins, "one", { name = "one", fields = { { config = { type = "record", fields = {
    { n = { type = "number", default = 1 } }, { list = { type = "array", elements = { type = "string" } } },
  } } } } }))
  return db
end


local ID = "bbbbbbbb-0000-4000-8000-000000000001"

local db = new_db()


local function load(input)
  input._format_version = input._format_version or "3.0"
  local lists, text, errs, meta, hash = declarative.load_string(cjson.encode(input), "json", db)
  return lists, text, errs, meta, hash
end


local function ids(rows)
  local out = {}
  for _, row in ipairs(rows) do
    out[row.name or row.username or row.key or row.target] = row.id
  end
  return out
end


describe("declarative", function()
  it("flattens nested entities and points them at their parents", function()
    local lists = assert(load {
      services = { { name = "s", host = "h", routes = { { name = "r", paths = { "/a" }, plugins = { { name = "one" } } } } } },
      consumers = { { username = "ann", spec_credentials = { { key = "k" } } } },
    })
    assert.equal(lists.services[1].id, lists.routes[1].service.id)
    assert.equal(lists.routes[1].id, lists.plugins[1].route.id)
    assert.equal(lists.consumers[1].id, lists.spec_credentials[1].consumer.id)
    assert.equal(1, lists.plugins[1].config.n)
  end)

  it("finds parents by name, wherever they stand", function()
    local lists = assert(load {
      plugins = { { name = "one", route = "r", service = "s" } },
      services = { { name = "s", host = "h", routes = { { name = "r", paths = { "/a" } } } } },
    })
    assert.equal(lists.routes[1].id, lists.plugins[1].route.id)
    assert.equal(lists.services[1].id, lists.plugins[1].service.id)
  end)

  it("makes the ids that Kong makes", function()
    local lists = assert(load { services = { { name = "a", host = "h" } }, consumers = { { username = "ann" }, { username = "bob" } } })
    assert.same({ a = "72734e2a-702d-5711-b9ef-697178108ad8" }, ids(lists.services))
    assert.same({ ann = "acf09174-745e-5b26-aaec-4763c149acd7", bob = "def4f7d3-9863-5ad2-8fa9-c949bf26f55e" }, ids(lists.consumers))
    lists = assert(load { upstreams = { { name = "u", targets = { { target = "a:1" } } } } })
    assert.same({ ["a:1"] = "b21a4848-f7f7-52f5-b249-52528a43601f" }, ids(lists.targets))
  end)

  it("gives unnamed routes a new id each time", function()
    local function id()
      return assert(load { routes = { { paths = { "/a" } } } }).routes[1].id
    end
    assert.not_equal(id(), id())
  end)

  it("migrates paths of older formats", function()
    local lists = assert(load { _format_version = "1.1", services = { { name = "s", host = "h", routes = {
      { name = "r", paths = { "/plain", "/reg/\\d+$", "/%7euser" } } } } } })
    assert.same({ "/plain", "~/reg/\\d+$", "/~user" }, { unpack(lists.routes[1].paths) })
  end)

  it("leaves no nulls and shares what is the same", function()
    local lists = assert(declarative.load_string(
      '{"_format_version":"3.0","services":[{"name":"s","host":"h","path":null,"routes":[{"paths":["/a"]},{"paths":["/b"],"hosts":null}]}]}',
      "json", db))
    assert.is_nil(lists.services[1].path)
    assert.is_nil(lists.routes[2].hosts)
    assert.equal(lists.routes[1].service, lists.routes[2].service)
    assert.equal(lists.routes[1].protocols, lists.routes[2].protocols)
  end)

  it("has the default workspace", function()
    local lists, _, _, _, hash = load {}
    assert.equal("default", lists.workspaces[1].name)
    assert.equal(("0"):rep(32), hash)
  end)

  describe("refuses", function()
    local cases = {
      { "unknown keys", { nonsense = {} }, { nonsense = "unknown field" } },
      { "unknown versions", { _format_version = "4.0" }, { _format_version = "expected one of: 1.1, 2.1, 3.0" } },
      { "objects for lists", { services = { name = "s" } }, { services = "expected an array" } },
      { "texts for entities", { services = { "x" } }, { services = { "expected a record" } } },
      { "wrong values, by entry and field", { services = { { host = "h" }, { host = 5 } } }, { services = { [2] = { host = "expected a string" } } } },
      { "wrong values of children", { services = { { name = "s", host = "h", routes = { { paths = { "x" } } } } } },
        { services = { { routes = { { paths = { "should start with: / (fixed path) or ~/ (regex path)" } } } } } } },
      { "children that are no list", { services = { { name = "s", host = "h", routes = "x" } } },
        { services = { { routes = "expected an array" } } } },
      { "parents that are not there", { routes = { { name = "r", paths = { "/a" }, service = "nope" } } },
        { routes = { r = { "invalid reference 'service: nope' (no such entry in 'services')" } } } },
      { "parents given by an id that is not there", { routes = { { name = "r", paths = { "/a" }, service = { id = ID } } } },
        { routes = { r = { "invalid reference 'service: {\"id\":\"" .. ID .. "\"}' (no such entry in 'services')" } } } },
      { "parents given by something else", { routes = { { paths = { "/a" }, service = { name = "s" } } } },
        { routes = { { service = { id = "missing primary key" } } } } },
      { "one name twice", { services = { { name = "a", host = "h" }, { name = "a", host = "i" } } },
        { services = { [2] = "uniqueness violation: 'services' entity with name set to 'a' already declared" } } },
      { "one unique value twice", { consumers = { { username = "a", custom_id = "1" }, { username = "b", custom_id = "1" } } },
        { consumers = { b = "uniqueness violation: 'consumers' entity with custom_id set to '1' already declared" } } },
      { "a child twice in one parent", { upstreams = { { name = "u", targets = { { target = "a:1" }, { target = "a:1" } } } } },
        { upstreams = { { targets = { [2] = "uniqueness violation: 'targets' entity with primary key set to "
                                            .. "'b21a4848-f7f7-52f5-b249-52528a43601f' already declared" } } } } },
    }
    for _, case in ipairs(cases) do
      it(case[1], function()
        local lists, text, errs = load(case[2])
        assert.is_nil(lists)
        assert.same(case[3], errs)
        assert.is_string(text)
      end)
    end

    it("texts that are none", function()
      local lists, err = declarative.load_string("hello", "yaml", db)
      assert.is_nil(lists)
      assert.equal("failed parsing declarative configuration: expected an object", err)
      lists, err = declarative.load_string("{}", "x.toml", db)
      assert.is_nil(lists)
      assert.equal("unknown file type: x.toml. (Accepted types: json, yaml)", err)
      lists, err = declarative.load_file("/nonexistent/kong.yml", db)
      assert.is_nil(lists)
      assert.matches("/nonexistent/kong.yml", err)
    end)
  end)

  it("prints errors for people", function()
    local _, text = load { services = { { name = "a", port = "x" } } }
    assert.equal("in 'services':\n  - in entry 1 of 'services':\n    in 'host': required field missing\n    in 'port': expected an integer", text)
  end)

  it("puts errors down to entities", function()
    local input = { _format_version = "3.0", services = { {
      id = "bbbbbbbb-0000-4000-8000-000000000001", name = "a", host = "h", tags = { "t" }, plugins = { { name = "one", config = { n = "x" } } },
    } } }
    local text = cjson.encode(input)
    local _, _, errs, stage = declarative.load_string(text, "json", db)
    local list, rest = declarative.flattened_errors(text, "json", errs, stage, db)
    assert.same({}, rest)
    assert.same({ {
      entity_type = "plugin", entity_name = "one",
      entity = { name = "one", config = { n = "x" }, service = { id = "bbbbbbbb-0000-4000-8000-000000000001" } },
      errors = { { type = "field", field = "config.n", message = "expected a number" } },
    } }, list)
  end)

  it("does not parse a text again that did not change", function()
    local text = '{"_format_version":"3.0","services":[{"name":"a","host":"h"}]}'
    local _, _, _, _, hash = declarative.load_string(text, "json", db)
    local lists, err = declarative.load_string(text, "json", db, hash)
    assert.is_nil(lists)
    assert.equal("configuration is identical", err)
  end)

  it("reads ten thousand routes in a moment", function()
    local function new_text()
      local routes = {}
      for i = 1, 10000 do
        routes[i] = { name = "r" .. i, paths = { "/p" .. i .. "/" } }
      end
      return cjson.encode { _format_version = "3.0", services = { { name = "s", host = "h", routes = routes } } }
    end
    local text = new_text()
    collectgarbage()
    collectgarbage()
    local before, started = collectgarbage("count"), os.clock()
    local lists = assert(declarative.load_string(text, "json", db))
    local seconds = os.clock() - started
    collectgarbage()
    collectgarbage()
    local bytes = (collectgarbage("count") - before) * 1024 / #lists.routes
    assert.is_true(bytes < 2048, "bytes per route: " .. bytes)
    assert.is_true(seconds < 2, "seconds: " .. seconds)
  end)
end)


describe("rows", function()
  local lists = assert(load {
    services = { { name = "s", host = "h", tags = { "a", "b" } }, { name = "t", host = "h", tags = { "b" } } },
    consumers = { { username = "ann", spec_credentials = { { key = "k" } } } },
    plugins = { { name = "one", config = { list = { "{vault://env/x}" } } } },
  })
  declarative.apply(lists, {}, "h", db)

  it("are found by id and by unique fields", function()
    local row = db.services:select_by_name("s")
    assert.equal(row, db.services:select { id = row.id })
    assert.equal("k", db.spec_credentials:select_by_key("k").key)
    assert.is_nil(db.services:select_by_name("nope"))
    local _, _, err_t = db.services:select { id = "x" }
    assert.equal("invalid primary key", err_t.name)
  end)

  it("are found by cache key", function()
    local row = db.spec_credentials:select_by_key("k")
    local key = db.spec_credentials:cache_key("k")
    assert.equal("spec_credentials:k:::::0dc6f45b-8f8d-40d2-a504-473544ee190b", key)
    assert.equal(key, db.spec_credentials:cache_key(row))
  end)

  it("are found by the key that several fields make", function()
    local plugin = db.plugins:select_by_cache_key(db.plugins:cache_key("one"))
    assert.equal("one", plugin.name)
  end)

  it("come in pages", function()
    local first, _, _, offset = db.services:page(1)
    assert.equal(1, #first)
    local second, _, _, rest = db.services:page(1, offset)
    assert.equal(1, #second)
    assert.not_equal(first[1].id, second[1].id)
    assert.same({}, db.services:page(1, rest))
    local _, _, err_t = db.services:page(1, "%%")
    assert.equal("'%%' is not a valid offset: bad base64 encoding", err_t.message)
  end)

  it("are found by tags", function()
    assert.equal(1, #db.services:page(10, nil, { tags = { "a", "b" }, tags_cond = "and" }))
    assert.equal(2, #db.services:page(10, nil, { tags = { "a", "b" }, tags_cond = "or" }))
  end)

  it("are found by their parent", function()
    local ann = db.consumers:select_by_username("ann")
    local list = {}
    for row in db.spec_credentials:each_for_consumer { id = ann.id } do
      list[#list + 1] = row.key
    end
    assert.same({ "k" }, list)
    assert.equal(1, #db.spec_credentials:page_for_consumer({ id = ann.id }))
  end)

  it("cannot be written", function()
    local _, err, err_t = db.consumers:insert { username = "x" }
    assert.equal("[off] cannot create 'consumers' entities when not using a database", err)
    assert.equal(12, err_t.code)
    _, _, err_t = db.services:update_by_name("s", {})
    assert.equal("cannot update 'services' entities by 'name' when not using a database", err_t.message)
    _, _, err_t = db.services:insert { name = "x" }
    assert.equal("schema violation (host: required field missing)", err_t.message)
  end)
end)
