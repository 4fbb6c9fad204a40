local Schema = require "kong.db.schema"
local Entity = require "kong.db.schema.entity"
local metaschema = require "kong.db.schema.metaschema"
local typedefs = require "kong.db.schema.typedefs"
local null = require("kong.db.schema.value").null


local function entity(name)
  return assert(Entity.new(require("kong.db.schema.entities." .. name)))
end


local function errors_of(schema, input)
  local filled = schema:process_auto_fields(input, "insert")
  local ok, errs = schema:validate_insert(filled)
  return ok and {} or errs
end


describe("schema", function()
  describe("types", function()
    local schema = assert(Schema.new {
      name = "t",
      fields = {
        { text = { type = "string" } }, { whole = { type = "integer", between = { 1, 9 } } }, { number = { type = "number" } },
        { flag = { type = "boolean" } }, { list = { type = "array", elements = { type = "string", len_min = 2 } } },
        { set = { type = "set", elements = { type = "string" } } },
        { map = { type = "map", keys = { type = "string" }, values = { type = "integer" } } },
        { record = { type = "record", fields = { { inner = { type = "string", required = true } } } } },
      },
    })

    it("are told apart", function()
      local _, errs = schema:validate {
        text = 1, whole = 1.5, number = "x", flag = "yes", list = "a", set = { a = 1 }, map = 5, record = "r", other = 1,
      }
      assert.same({
        text = "expected a string", whole = "expected an integer", number = "expected a number", flag = "expected a boolean",
        list = "expected an array", set = "expected a set", map = "expected a map", record = "expected a record",
        other = "unknown field",
      }, errs)
    end)

    it("name the element that is wrong", function()
      local _, errs = schema:validate { list = { "ok", "x" }, whole = 10, record = {} }
      assert.same({ list = { [2] = "length must be at least 2" }, whole = "value should be between 1 and 9",
                    record = { inner = "required field missing" } }, errs)
    end)
  end)

  it("removes doubles from sets and answers for members", function()
    local schema = assert(Schema.new { name = "s", fields = { { set = { type = "set", elements = { type = "string" } } } } })
    local filled = schema:process_auto_fields({ set = { "a", "b", "a" } }, "insert")
    assert.equal(2, #filled.set)
    assert.is_true(filled.set.a)
    assert.is_nil(filled.set.c)
  end)

  it("fills records with their defaults", function()
    local schema = assert(Entity.new { name = "r", primary_key = { "id" }, fields = {
      { id = typedefs.uuid },
      { outer = { type = "record", fields = { { inner = { type = "record", fields = { { n = { type = "number", default = 4 } } } } } } } },
    } })
    local filled = schema:process_auto_fields({}, "insert")
    assert.equal(4, filled.outer.inner.n)
    assert.matches("^%x+%-%x+%-4%x+%-%x+%-%x+$", filled.id)
  end)

  describe("services", function()
    local services = entity "services"

    it("split the url", function()
      local filled = services:process_auto_fields({ url = "https://a.test/x" }, "insert")
      assert.same({ "https", "a.test", 443, "/x" }, { filled.protocol, filled.host, filled.port, filled.path })
    end)

    it("refuse what does not fit the protocol", function()
      assert.same({ ["@entity"] = { "failed conditional validation given value of field 'protocol'" }, path = "value must be null" },
                  errors_of(services, { host = "h", protocol = "tcp", path = "/x" }))
    end)

    it("say what is missing of a bad url", function()
      assert.same({ host = "required field missing", path = "should start with: /" }, errors_of(services, { url = "nope" }))
    end)
  end)

  describe("routes", function()
    local routes = entity "routes"

    it("need something to match", function()
      assert.same({ ["@entity"] = { "must set one of 'methods', 'hosts', 'headers', 'paths', 'snis' when 'protocols' is 'https'" } },
                  errors_of(routes, {}))
    end)

    it("want normalised paths", function()
      assert.same({ paths = { "non-normalized path, consider use '/b' instead" } }, errors_of(routes, { paths = { "/a/../b" } }))
      assert.same({ paths = { "should start with: / (fixed path) or ~/ (regex path)" } }, errors_of(routes, { paths = { "a" } }))
    end)

    it("do not mix protocols of different kinds", function()
      assert.same({ protocols = "these sets are mutually exclusive: ('http', 'https'), ('tcp', 'tls', 'udp')" },
                  errors_of(routes, { protocols = { "http", "tcp" }, paths = { "/a" } }))
    end)

    it("share the default list of protocols", function()
      local a = routes:fill({ paths = { "/a" } }, "insert")
      local b = routes:fill({ paths = { "/b" } }, "insert")
      assert.equal(a.protocols, b.protocols)
    end)
  end)

  describe("upstreams", function()
    local upstreams = entity "upstreams"

    it("settle algorithm and hash input together", function()
      assert.equal("consistent-hashing", upstreams:process_auto_fields({ name = "u", hash_on = "ip" }, "insert").algorithm)
      assert.equal("none", upstreams:process_auto_fields({ name = "u", algorithm = "latency" }, "insert").hash_on)
    end)

    it("want a host name", function()
      assert.same({ name = "Invalid name ('1.2.3.4'); no ip addresses allowed" }, errors_of(upstreams, { name = "1.2.3.4" }))
      assert.same({ name = "Invalid name ('a:80'); no port allowed" }, errors_of(upstreams, { name = "a:80" }))
    end)

    it("require the input that is hashed", function()
      assert.equal("required field missing", errors_of(upstreams, { name = "u", hash_on = "header" }).hash_on_header)
    end)

    it("have health checks", function()
      local filled = upstreams:process_auto_fields({ name = "u", healthchecks = { active = { timeout = 3 } } }, "insert")
      assert.equal(3, filled.healthchecks.active.timeout)
      assert.same({ 429, 500, 503 }, filled.healthchecks.passive.unhealthy.http_statuses)
    end)
  end)

  it("knows only the name of an unknown plugin", function()
    local plugins = entity "plugins"
    assert.same({ name = "plugin 'nope' not enabled; add it to the 'plugins' configuration property" },
                errors_of(plugins, { name = "nope", config = 5 }))
  end)

  it("does not repeat an error of a field as one of the entity", function()
    local keys = entity "keys"
    local errs = errors_of(keys, { kid = "a", jwk = "{}", pem = { public_key = "x" } })
    assert.equal("could not load public key", errs.pem)
    local text = table.concat(errs["@entity"] or {}, " ")
    assert.is_nil(text:find("only one or none", 1, true))
  end)

  describe("subschemas", function()
    it("cannot add fields to the entity", function()
      local plugins = entity "plugins"
      local ok, err = Entity.new_subschema(plugins, "x", { name = "x", fields = { { nonsense = { type = "string" } } } })
      assert.is_nil(ok)
      assert.matches("cannot specialize field 'nonsense'", err)
    end)

    it("show old names of fields when read", function()
      local plugins = entity "plugins"
      assert(Entity.new_subschema(plugins, "old", { name = "old", fields = { { config = { type = "record", fields = {
        { redis = { type = "record", fields = { { host = { type = "string" } } } } },
      }, shorthand_fields = { { redis_host = {
        type = "string", translate_backwards = { "redis", "host" },
        func = function(v)
          return { redis = { host = v } }
        end,
      } } } } } } }))
      local filled = plugins:process_auto_fields({ name = "old", config = { redis_host = "r.test" } }, "insert")
      assert.equal("r.test", filled.config.redis.host)
      assert.is_nil(filled.config.redis_host)
      local read = plugins:process_auto_fields(filled, "select", false)
      assert.equal("r.test", read.config.redis_host)
    end)
  end)

  it("prints errors by field", function()
    local errors = require("kong.db.errors").new("off")
    local err_t = errors:schema_violation { name = "wrong", config = { a = "bad", b = { c = "worse" } } }
    assert.equal('3 schema violations (config.a: bad; config.b: {\n  c = "worse"\n}; name: wrong)', err_t.message)
    assert.equal("[off] " .. err_t.message, tostring(err_t))
  end)

  describe("metaschema", function()
    it("takes what plugins write", function()
      assert.is_nil(metaschema.check_subschema { name = "p", fields = {
        { consumer = typedefs.no_consumer }, { protocols = typedefs.protocols_http },
        { config = { type = "record", fields = { { a = { type = "array", elements = { type = "string" }, default = {} } } } } },
      } })
    end)

    it("names unknown attributes and old forms", function()
      local errs = metaschema.check_subschema { name = "p", no_consumer = true, fields = {
        { config = { type = "record", fields = { { a = { type = "strin", requird = true } } } } },
      } }
      assert.equal("unknown field", errs.no_consumer)
      assert.same({ [1] = { config = { fields = { [1] = { a = { type = "unknown type: strin", requird = "unknown field" } } } } } }, errs.fields)
    end)
  end)

  it("transforms named fields, or all of the entity, each after the other", function()
    local schema = assert(Schema.new {
      name = "t",
      fields = { { a = { type = "string" } }, { b = { type = "string" } } },
      transformations = {
        { input = { "a" }, on_write = function(a) return { a = a .. "1" } end, on_read = function(a) return { a = a:sub(1, -2) } end },
        { on_write = function(entity) return { b = entity.b and entity.a .. entity.b } end },
      },
    })
    assert.same({ a = "x1", b = "x1y" }, schema:transform({ a = "x", b = "y" }, nil, "insert"))
    assert.same({ b = "y" }, schema:transform({ b = "y", a = nil }, nil, "select"))
    assert.same({ a = "x" }, schema:transform({ a = "x1" }, nil, "select"))
  end)


  it("transforms of a partial change only what the change gives, and wants all that goes together", function()
    local schema = assert(Schema.new {
      name = "secrets", primary_key = { "id" },
      fields = { { id = { type = "string" } }, { secret = { type = "string" } }, { salt = { type = "string" } }, { note = { type = "string" } } },
      transformations = { { input = { "secret" }, needs = { "salt" }, on_write = function(secret, salt) return { secret = salt .. secret } end } },
    })
    local old = { id = "1", secret = "saltold", salt = "salt" }
    local noted = { id = "1", secret = "saltold", salt = "salt", note = "n" }
    assert.is_true(schema:validate_update(noted, { note = "n" }, old))
    assert.same(noted, schema:transform(noted, { note = "n" }, "update"))
    local changed = { id = "1", secret = "new", salt = "salt" }
    assert.same("saltnew", schema:transform(changed, { secret = "new", salt = "salt" }, "update").secret)
    local ok, errs = schema:validate_update(changed, { secret = "new" }, old)
    assert.is_nil(ok)
    assert.same({ ["@entity"] = { "all or none of these fields must be set: 'secret', 'salt'" } }, errs)
  end)

  it("treats null as absent where it may be", function()
    local services = entity "services"
    assert.same({}, errors_of(services, { host = "h", path = null, name = null }))
    assert.same({ host = "required field missing" }, errors_of(services, { host = null }))
  end)
end)
