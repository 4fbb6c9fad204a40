-- pgmoon against a real Postgres.
local postgres = require "spec.support.postgres"


if not postgres.is_there then
  describe("pgmoon", function()
    pending("speaks with Postgres: there is none")
  end)
  return
end


local pgmoon = require "pgmoon"


describe("pgmoon", function()
  local server, pg


  local function new(opts)
    opts.host, opts.port, opts.database = "127.0.0.1", server.port, opts.database or "postgres"
    local self = pgmoon.new(opts)
    self:settimeout(5000)
    return self
  end


  local function connect(opts)
    local self = new(opts)
    assert(self:connect())
    return self
  end


  setup(function()
    server = postgres.start()
  end)


  teardown(function()
    postgres.stop(server)
  end)


  before_each(function()
    pg = connect({})
    assert(pg:query("drop schema if exists s cascade; create schema s; set search_path to s, public"))
  end)


  after_each(function()
    pg:disconnect()
  end)


  describe("connects", function()
    it("in each way that the server asks for", function()
      for _, user in ipairs({ "by_password", "by_md5", "by_scram" }) do
        local other = connect({ user = user, password = "secret word" })
        assert.same({ { current_user = user } }, (other:query("select current_user")))
        assert.equal(1, other:disconnect())
        local ok, err = new({ user = user, password = "wrong" }):connect()
        assert.is_nil(ok)
        assert.equal('FATAL: password authentication failed for user "' .. user .. '"', err)
        ok, err = new({ user = user }):connect()
        assert.is_nil(ok)
        assert.matches("requesting a password", err, 1, true)
      end
    end)


    it("over TLS", function()
      local secure = "select ssl from pg_stat_ssl where pid = pg_backend_pid()"
      assert.same({ { ssl = false } }, (pg:query(secure)))
      local other = connect({ ssl = true, ssl_required = true })
      assert.same({ { ssl = true } }, (other:query(secure)))
      other:disconnect()
      other = connect({ ssl = true, ssl_verify = true, cafile = server.folder .. "/ca.crt", user = "by_scram", password = "secret word" })
      assert.same({ { ssl = true } }, (other:query(secure)))
      other:disconnect()
      assert.is_nil((new({ ssl = true, ssl_verify = true }):connect()))
    end)


    it("with a certificate", function()
      local file = io.open(server.folder .. "/by_cert.key")
      local key = file:read("*a")
      file:close()
      local other = connect({ user = "by_cert", ssl = true, cert = server.folder .. "/by_cert.crt", key = key })
      assert.same({ { current_user = "by_cert" } }, (other:query("select current_user")))
      other:disconnect()
      assert.matches("certificate", select(2, new({ user = "by_cert", ssl = true }):connect()))
      assert.matches("No such file", select(2, new({ user = "by_cert", ssl = true, cert = "/nowhere", key = key }):connect()), 1, true)
    end)


    it("through a Unix socket", function()
      local other = pgmoon.new({ socket_path = server.folder .. "/.s.PGSQL." .. server.port, database = "postgres", application_name = "me" })
      assert(other:connect())
      assert.same({ { addr = "none", name = "me" } },
        (other:query("select coalesce(inet_client_addr()::text, 'none') as addr, current_setting('application_name') as name")))
      other:disconnect()
    end)


    it("or says why not", function()
      assert.same({ nil, 'FATAL: database "nope" does not exist' }, { new({ database = "nope" }):connect() })
      assert.has_error(function() pgmoon.new({ port = server.port }):connect() end, "missing database for connect")
    end)


    it("through a pool", function()
      local first = connect({ pool_name = "spec" })
      local pid = first:query("select pg_backend_pid() as pid")[1].pid
      assert.equal(1, first:keepalive(10000, 2))
      local second = connect({ pool_name = "spec" })
      assert.equal(pid, second:query("select pg_backend_pid() as pid")[1].pid)
      second:disconnect()
      assert(second:connect())
      assert.not_equal(pid, second:query("select pg_backend_pid() as pid")[1].pid)
      second:disconnect()
    end)
  end)


  describe("query", function()
    it("returns rows, numbers of rows, or true", function()
      assert.is_true(pg:query("create table t (id serial primary key, name text, flag boolean default true)"))
      assert.same({}, (pg:query("select * from t")))
      assert.same({ affected_rows = 2 }, (pg:query("insert into t (name) values ('a'), ('b')")))
      assert.same({ { id = 3 }, affected_rows = 1 }, (pg:query("insert into t (name) values ('c') returning id")))
      assert.same({ { name = "b", flag = true } }, (pg:query("select name, flag from t where id = 2")))
      assert.same({ affected_rows = 3 }, (pg:query("update t set flag = false")))
      assert.same({ affected_rows = 0 }, (pg:query("delete from t where id = 9")))
      assert.same({ nil, 0 }, { pg:query("") })
    end)


    it("returns a list of results for several queries", function()
      local results, count = pg:query("select 1 as a; create table t (); select 2 as b where false")
      assert.equal(3, count)
      assert.same({ { { a = 1 } }, true, {} }, results)
      assert.same({ nil, 'ERROR: relation "nope" does not exist (30)', { { a = 1 } }, 1 }, { pg:query("select 1 as a; select * from nope") })
      assert.same({ { a = 1 } }, (pg:query("select 1 as a")))
    end)


    it("tells the detail of an error", function()
      pg:query("create table t (id int primary key); insert into t values (1)")
      assert.same({ nil, 'ERROR: duplicate key value violates unique constraint "t_pkey"\nKey (id)=(1) already exists.' },
        { unpack({ pg:query("insert into t values (1)") }, 1, 2) })
    end)


    it("returns notices and notifications", function()
      local result, count, notifications, notices = pg:query("drop table if exists nothing")
      assert.same({ true, 1, { 'NOTICE: table "nothing" does not exist, skipping' } }, { result, count, notices })
      assert.is_nil(notifications)
      notifications = select(3, pg:query("listen here; notify here, 'one'"))
      assert.same({ "here", "one", "notification" }, { notifications[1].channel, notifications[1].payload, notifications[1].operation })
    end)


    it("waits for notifications, also after a timeout", function()
      assert(pg:query("listen here"))
      pg:settimeout(20)
      assert.same({ nil, "receive_message: failed to get type: timeout" }, { pg:wait_for_notification() })
      pg:settimeout(5000)
      local other = connect({})
      other:query("notify here, 'two'")
      assert.equal("two", pg:wait_for_notification().payload)
      assert.same({ { a = 1 } }, (pg:query("select 1 as a")))
      other:disconnect()
    end)


    it("closes a connection whose answer did not come", function()
      local other = connect({})
      other:settimeout(30)
      assert.same({ nil, "receive_message: failed to get type: timeout" }, { other:query("select pg_sleep(1)") })
      assert.is_nil((other:query("select 1 as a")))
      assert.same({ nil, "closed" }, { other:keepalive() })
    end)


    it("says why the server ended the session", function()
      assert.same({ nil, "FATAL: terminating connection due to administrator command" },
        { pg:query("select pg_terminate_backend(pg_backend_pid())") })
    end)


    it("does not wait for rows of COPY", function()
      pg:query("create table t (id int)")
      local result, err = pg:query("copy t from stdin")
      assert.is_nil(result)
      assert.matches("COPY FROM STDIN is not possible here", err, 1, true)
      assert.same({ { a = 1 } }, (pg:query("select 1 as a")))
    end)


    it("raises while another query runs", function()
      local thread = ngx.thread.spawn(pg.query, pg, "select pg_sleep(0.02)")
      assert.has_error(function() pg:query("select 1") end, "pgmoon: connection is busy")
      assert.is_true((ngx.thread.wait(thread)))
    end)
  end)


  describe("parameters", function()
    it("of each type", function()
      assert.same({ { a = true, b = false, d = 44, e = "it's", f = 9007199254740991, g = 0.1 } },
        (pg:query("select $1 a, $2 b, $3 c, $4 d, $5 e, $6 f, $7 g", true, false, pg.NULL, 44, "it's", 9007199254740991, 0.1)))
      assert.same({ { sum = 14 } }, (pg:query("select $1 + $1 as sum", 7)))
      assert.same({ { big = "9007199254740993" } }, (pg:query("select $1::int8::text as big", 9007199254740993LL)))
      pg.convert_null = true
      assert.same({ { a = 1, b = pg.NULL } }, (pg:query("select $1 a, $2 b", 1, nil)))
    end)


    it("that are arrays or know how to write themselves", function()
      local arrays = require "pgmoon.arrays"
      local items = { "hello", pg.NULL, ",", 'f"\\f', "}{", "NULL" }
      local row = pg:query("select $1 val, pg_typeof($1) as kind", arrays.PostgresArray({ unpack(items) }))[1]
      assert.equal("text[]", row.kind)
      assert.same(items, row.val)
      assert.equal(pg.NULL, row.val[2])
      local nested = arrays.PostgresArray({ arrays.PostgresArray({ 1, 2 }), arrays.PostgresArray({ 3, 4 }) })
      assert.same({ { 1, 2 }, { 3, 4 } }, pg:query("select $1::numeric[][] val", nested)[1].val)
      local json = setmetatable({ a = { 1 } }, { __index = {}, pgmoon_serialize = function(v) return 114, require("cjson").encode(v) end })
      assert.same({ { v = { a = { 1 } } } }, (pg:query("select $1 v", json)))
    end)


    it("are refused when they cannot be sent", function()
      assert.same({ nil, "pgmoon: param 2: table does not implement pgmoon_serialize, can't serialize" }, { pg:query("select $1, $2", 1, {}) })
      assert.same({ nil, "pgmoon: param 1: failed to serialize type: function" }, { pg:query("select $1", print) })
      assert.same({ nil, "invalid null byte in query" }, { pg:query("select $1\0", 1) })
      assert.same({ nil, 'ERROR: bind message supplies 0 parameters, but prepared statement "" requires 1' },
        { unpack({ pg:extended_query("select $1 as hi") }, 1, 2) })
      assert.same({ { a = 1 } }, (pg:query("select $1 a", 1)))
    end)
  end)


  describe("types", function()
    it("become Lua values", function()
      local row = pg:query([[select 1::int2 a, 2.5::numeric b, 3::int8 c, 1.5::float4 d, true e, '\x00ff41'::bytea f, '{"x":[1,null]}'::jsonb g,
        'false'::json h, '{1,NULL,3}'::int[] i, '{{t,f}}'::bool[] j, '{"a b",c}'::text[] k, array['{"n":1}'::json] l, '{::1}'::inet[] m,
        '2020-01-02'::date n, row(1, 'x') o, null p, '[0:1]={7,8}'::int[] q]])[1]
      assert.same({ a = 1, b = 2.5, c = 3, d = 1.5, e = true, f = "\0\255A", g = { x = { 1, ngx.null } }, h = false, i = { 1, pg.NULL, 3 },
        j = { { true, false } }, k = { "a b", "c" }, l = { { n = 1 } }, m = { "::1" }, n = "2020-01-02", o = "(1,x)", q = { 7, 8 } }, row)
    end)


    it("can be told to be others", function()
      pg:set_type_deserializer(20, "big", function(_, text, name) return name .. ":" .. text end)
      assert.same({ { n = "big:9223372036854775807" } }, (pg:query("select 9223372036854775807 as n")))
      local other = connect({})
      assert.same({ { n = 5 } }, (other:query("select 5::int8 as n")))
      other:disconnect()
    end)


    it("come back as they were written", function()
      local bytes = "encoded' string\\\0\1\255"
      assert.same({ { v = bytes } }, (pg:query("select " .. pg:encode_bytea(bytes) .. "::bytea v")))
      pg:query("set bytea_output = 'escape'")
      assert.same({ { v = bytes } }, (pg:query("select " .. pg:encode_bytea(bytes) .. "::bytea v")))
      local value = { s = "it's \\ \"" }
      assert.same({ { v = value } }, (pg:query("select " .. require("pgmoon.json").encode_json(value) .. "::json v")))
      local list = { { "it's", "\\" }, { '"', "x" } }
      assert.same({ { v = list } }, (pg:query("select " .. require("pgmoon.arrays").encode_array(list) .. " v")))
      assert.same({ { ['a"b'] = 1 } }, (pg:query("select 1 as " .. pg:escape_identifier('a"b'))))
    end)


    it("stand for null as wanted", function()
      local other = connect({ convert_null = true })
      other.NULL = ngx.null
      assert.equal(ngx.null, other:query("select null v")[1].v)
      other:disconnect()
    end)


    it("may be hstore", function()
      if not pg:query("create extension hstore schema public") then
        return
      end
      pg:setup_hstore()
      local encode = require("pgmoon.hstore").encode_hstore
      local value = { foo = "b'a\\r", ['k"'] = "NULL" }
      assert.same({ { v = value } }, (pg:query("select " .. encode(value) .. "::hstore v")))
    end)
  end)
end)
