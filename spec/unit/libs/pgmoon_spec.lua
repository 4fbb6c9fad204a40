-- pgmoon without Postgres: what is written into queries, arrays and hstore, and servers that are none. See spec/integration for the rest.
local arrays = require "pgmoon.arrays"
local hstore = require "pgmoon.hstore"
local luasocket = require "socket"
local pgmoon = require "pgmoon"


-- connect() of a client to a peer that says this.
local function connect_to(answer, opts)
  local server = assert(luasocket.bind("127.0.0.1", 0))
  local _, port = server:getsockname()
  opts.host, opts.port, opts.database = "127.0.0.1", tonumber(port), "d"
  local pg = pgmoon.new(opts)
  pg:settimeout(2000)
  local thread = ngx.thread.spawn(pg.connect, pg)
  local peer = assert(server:accept())
  peer:send(answer)
  local results = { ngx.thread.wait(thread) }
  peer:close()
  server:close()
  return unpack(results, 2, 3)
end


describe("pgmoon", function()
  it("escapes literals and identifiers", function()
    local pg = pgmoon.new()
    assert.same({ "3434", "34.342", "9007199254740991", "'cat''s'", "TRUE", "FALSE", "NULL", "NULL" },
      { pg:escape_literal(3434), pg:escape_literal(34.342), pg:escape_literal(2 ^ 53 - 1), pg:escape_literal("cat's"), pg:escape_literal(true),
        pg:escape_literal(false), pg:escape_literal(pg.NULL), pgmoon.Postgres.escape_literal(nil, pgmoon.NULL) })
    assert.equal('"love""fish"', pg:escape_identifier('love"fish'))
    assert.has_error(function() pg:escape_literal({}) end)
    assert.has_error(function() pg:escape_literal(nil) end)
  end)


  it("has sockets of one kind", function()
    assert.equal("nginx", pgmoon.new({ socket_type = "nginx" }).sock_type)
    assert.has_error(function() pgmoon.new({ socket_type = "luasocket" }) end)
    assert.matches("^<Postgres socket: ", tostring(pgmoon.new()))
    assert.equal("pgmoon", pgmoon.new({}).config.application_name)
  end)


  it("refuses servers that do not speak TLS when it must", function()
    assert.same({ nil, "the server does not support SSL connections" }, { connect_to("N", { ssl = true, ssl_required = true }) })
    assert.same({ nil, "the server does not support SSL connections" }, { connect_to("E", { ssl = true }) })
    assert.is_true((connect_to("NR\0\0\0\8\0\0\0\0Z\0\0\0\5I", { ssl = true })))
  end)


  it("refuses servers that ask for something unknown", function()
    assert.same({ nil, "don't know how to auth: 7" }, { connect_to("R\0\0\0\8\0\0\0\7", {}) })
    assert.same({ nil, "unexpected message during auth: K" }, { connect_to("K\0\0\0\8\0\0\0\0", {}) })
    assert.same({ nil, "receive_message: not a message of Postgres" }, { connect_to("HTTP/1.1 400 Bad\r\n", {}) })
    assert.same({ nil, "unsupported SCRAM mechanism name: OTHER " }, { connect_to("R\0\0\0\15\0\0\0\10OTHER\0\0", { password = "x" }) })
    assert.same({ nil, "FATAL: go away" }, { connect_to("E\0\0\0\22SFATAL\0Mgo away\0\0\0", {}) })
  end)


  it("refuses SCRAM servers that do not know the nonce or save work", function()
    local function scram(first)
      return { connect_to("R\0\0\0\23\0\0\0\10SCRAM-SHA-256\0\0" .. "R\0\0\0" .. string.char(#first + 8) .. "\0\0\0\11" .. first, { password = "x" }) }
    end
    assert.same({ nil, "malformed server message (nonce)" }, scram("r=other,s=AAAA,i=4096"))
    assert.same({ nil, "malformed server message" }, scram("r=other"))
  end)


  it("encodes arrays", function()
    assert.same({ "ARRAY[]", "ARRAY[1,2]", "ARRAY['it''s','b']", "ARRAY[[4,5],[6,7]]" }, { arrays.encode_array({}), arrays.encode_array({ 1, 2 }),
      arrays.encode_array({ "it's", "b" }), arrays.encode_array({ { 4, 5 }, { 6, 7 } }) })
    assert.equal("ARRAY[<1>]", arrays.encode_array({ 1 }, function(v) return "<" .. v .. ">" end))
  end)


  it("decodes arrays", function()
    local function each(cases)
      for text, expected in pairs(cases) do
        assert.same(expected, arrays.decode_array(text), text)
      end
    end
    each({
      ["{}"] = {}, ["{a,b c}"] = { "a", "b c" }, ['{"hello \\\\ \\" yeah","NULL"}'] = { 'hello \\ " yeah', "NULL" }, ["{{a},{b}}"] = { { "a" }, { "b" } },
      ["[2:3]={a,b}"] = { "a", "b" }, ['{"",x}'] = { "", "x" },
    })
    assert.same({ { 1, 2 }, { 3 } }, arrays.decode_array("{{1,2},{3}}", tonumber))
    assert.equal(pgmoon.NULL, arrays.decode_array("{NULL}")[1])
    assert.equal(arrays.PostgresArray.__base, getmetatable(arrays.decode_array("{}")))
    for _, text in ipairs({ "{1, 2}", "{1", "1}", "{1}}", '{"a}', "{,}", "" }) do
      assert.is_false((pcall(arrays.decode_array, text)), text)
    end
  end)


  it("serializes arrays by the type of their first item", function()
    local pg = pgmoon.new()
    local function serialize(list)
      return { arrays.PostgresArray.__base.pgmoon_serialize(list, pg) }
    end
    assert.same({ 0, "{}" }, serialize({}))
    assert.same({ 0, "{NULL}" }, serialize({ pg.NULL }))
    assert.same({ 1231, "{NULL,5}" }, serialize({ pg.NULL, 5 }))
    assert.same({ 1000, "{f,NULL,t}" }, serialize({ false, pg.NULL, true }))
    assert.same({ 1009, '{",","f\\"f","}{","\\\\"}' }, serialize({ ",", 'f"f', "}{", "\\" }))
    assert.same({ nil, "table does not implement pgmoon_serialize, can't serialize" }, serialize({ {} }))
  end)


  it("encodes and decodes hstore", function()
    assert.equal([['"foo"=>"bar''s"']], hstore.encode_hstore({ foo = "bar's" }))
    assert.same({ foo = "bar", ["1-a"] = 'any"\\', n = "NULL" }, hstore.decode_hstore([["foo"=>"bar", "1-a"=>"any\"\\", "n"=>NULL]]))
    assert.same({}, hstore.decode_hstore(""))
    assert.is_false((pcall(hstore.decode_hstore, '"a"=>b')))
  end)


  it("has helpers for those who use them", function()
    local util = require "pgmoon.util"
    assert.equal("abc", util.flatten({ "a", { "b", { "c" } } }))
    assert.equal("aGk=", util.encode_base64("hi"))
  end)
end)
