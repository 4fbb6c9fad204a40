-- lapis: the router, helpers and checks, and applications that are asked by hand.
local application = require "lapis.application"
local lapis = require "lapis"
local util = require "lapis.util"
local validate = require "lapis.validate"


-- Asks an application. Returns status, content, headers.
local function ask(app, method, path, fields)
  local req = { method = method, request_uri = path, headers = {}, params_get = {}, params_post = {},
    parsed_url = { scheme = "http", host = "here", port = "8000", path = path:match("^[^?]*"), query = path:match("%?(.*)$") } }
  for name, value in pairs(fields or {}) do
    req[name] = value
  end
  local res = { req = req, headers = {} }
  function res:add_header(name, value)
    self.headers[name] = self.headers[name] and self.headers[name] .. ", " .. value or value
  end
  app:dispatch(req, res)
  return res.status, res.content, res.headers
end


local function new_app()
  local app = lapis.Application()
  app.layout = false
  return app
end


describe("lapis.router", function()
  local Router = require("lapis.router").Router

  local function new(...)
    local router = Router()
    for _, path in ipairs({ ... }) do
      router:add_route(path, function(params, found) return found, params end)
    end
    router.default_route = function() return nil end
    return function(path)
      return { router:resolve(path) }
    end, router
  end


  it("finds parameters and splats", function()
    local find = new("/hello/:name", "/users/:id[%d]/edit", "/files/*", "/a/*/b", "/x-:one-:two")
    assert.same({ "/hello/:name", { name = "you" } }, find("/hello/you"))
    assert.same({}, find("/hello/you/two"))
    assert.same({}, find("/hello/"))
    assert.same({ "/users/:id[%d]/edit", { id = "12" } }, find("/users/12/edit"))
    assert.same({}, find("/users/x/edit"))
    assert.same({ "/files/*", { splat = "a/b.c" } }, find("/files/a/b.c"))
    assert.same({ "/a/*/b", { splat = "1/2" } }, find("/a/1/2/b"))
    assert.same({ "/x-:one-:two", { one = "a", two = "b-c" } }, find("/x-a-b-c"))
  end)


  it("lets parts be missing", function()
    local find = new("/list(/:page[%d](/:size))", "/show/:name(.:format)")
    assert.same({ "/list(/:page[%d](/:size))", {} }, find("/list"))
    assert.same({ "/list(/:page[%d](/:size))", { page = "2" } }, find("/list/2"))
    assert.same({ "/list(/:page[%d](/:size))", { page = "2", size = "x" } }, find("/list/2/x"))
    assert.same({ "/show/:name(.:format)", { name = "a" } }, find("/show/a"))
    assert.same({ "/show/:name(.:format)", { name = "a", format = "json" } }, find("/show/a.json"))
  end)


  it("prefers what is said exactly, then the order", function()
    local find = new("/*", "/:a", "/:b", "/x")
    assert.equal("/x", find("/x")[1])
    assert.equal("/:a", find("/y")[1])
    assert.equal("/*", find("/y/z")[1])
  end)


  it("builds paths of named routes", function()
    local _, router = new({ page = "/list(/:page)/*" }, { plain = "/plain" })
    assert.equal("/list/2/a/b?q=1", router:url_for("page", { page = 2, splat = "a/b" }, { q = 1 }))
    assert.equal("/list/x", router:url_for("page", { splat = "x" }))
    assert.equal("/list/k7/", router:url_for("page", { page = { url_key = function(_, route, name) return "k7" .. (route .. name):sub(1, 0) end } }))
    assert.equal("/plain?a=b", router:url_for("plain", nil, "a=b"))
    assert.has_error(function() router:url_for("nope") end, "lapis.router: There is no route named: nope")
  end)
end)


describe("lapis.util", function()
  it("reads and writes query strings", function()
    assert.same({ { "a", 'x"y' }, { "b" }, { "a", "" }, a = "", b = true }, util.parse_query_string("?a=x%22y&b&a="))
    assert.is_nil(util.parse_query_string(""))
    assert.equal("cold=zo%20ne&hello", util.encode_query_string({ { "cold", "zo ne" }, hello = true, world = false }))
    assert.equal("a b", util.unescape("a%20b"))
    assert.equal("a%20b%2fc_d", util.escape("a b/c_d"))
    assert.same({ a = "1", b = "x y" }, util.parse_cookie_string("a=1; b=x%20y"))
    assert.same({ type = "form-data", { "name", "up load" }, { "filename", "a.txt" }, name = "up load", filename = "a.txt" },
      util.parse_content_disposition('form-data; name="up load"; filename=a.txt'))
  end)


  it("changes words", function()
    assert.same({ "what-is-going-on", "whhaa-hooo" }, { util.slugify("What is going on?"), util.slugify("whhaa  $%#$  hooo") })
    assert.same({ "manifest_rocks", "abtest_platform", "user_id" }, { util.underscore("ManifestRocks"), util.underscore("ABTestPlatform"),
      util.underscore("UserID") })
    assert.same({ "Hello", "WorldWideIWeb" }, { util.camelize("hello"), util.camelize("world_wide_i_web") })
    assert.equal("Hello-world What My", util.title_case("hello-world what My"))
    local words = {}
    for _, word in ipairs({ "banks", "industries", "heroes", "classes", "children", "PEOPLE", "bus stops", "sheep" }) do
      words[#words + 1] = util.singularize(word)
    end
    assert.same({ "bank", "industry", "hero", "class", "child", "PERSON", "bus stop", "sheep" }, words)
    assert.truthy(("^%()[1]+$"):match(util.escape_pattern("^%()[1]+$")))
  end)


  it("changes tables", function()
    assert.same({ "a", "b" }, util.uniquify({ "a", "b", "a" }))
    assert.equal("a  b", util.trim("\n a  b\t"))
    assert.equal("", util.trim("  "))
    assert.same({ hello = "hi", yeah = 0 }, util.trim_filter({ hello = " hi", world = "x", yeah = " " }, { "hello", "yeah" }, 0))
    assert.same({ a = 1, b = "x" }, util.trim_filter({ a = 1, b = "x ", c = "" }))
    assert.same({ a = 1 }, util.key_filter({ a = 1, b = 2 }, "a", "c"))
  end)


  it("writes JSON of anything", function()
    local cycle = { 1 }
    cycle[2] = cycle
    assert.equal('{"a":[1],"b":null}', (util.to_json({ a = cycle, b = ngx.null, c = print }):gsub('{"b":null,"a":%[1%]}', '{"a":[1],"b":null}')))
    assert.equal("[]", util.to_json(setmetatable({}, require("cjson").array_mt)))
    assert.same({ 1 }, util.from_json("[1]"))
  end)


  it("builds URLs and loads modules when they are needed", function()
    assert.equal("http://h:80/t?a=b#f", util.build_url({ scheme = "http", host = "h", port = 80, path = "t", query = "a=b", fragment = "f" }))
    assert.equal("//h", util.build_url({ scheme = "", host = "h" }))
    package.loaded["lapis_things.hello_world"] = "yes"
    local things = util.autoload("lapis_nothing", "lapis_things", { own = 1 })
    assert.same({ "yes", 1 }, { things.HelloWorld, things.own })
    assert.is_nil(things.other)
    package.loaded["lapis_things.hello_world"] = nil
  end)


  it("signs values", function()
    local encoding = require "lapis.util.encoding"
    local text = encoding.encode_with_secret({ a = 1 }, "s3")
    assert.same({ a = 1 }, encoding.decode_with_secret(text, "s3"))
    assert.same({ nil, "invalid signature" }, { encoding.decode_with_secret(text, "s4") })
    assert.same({ nil, "invalid format" }, { encoding.decode_with_secret("x", "s4") })
    assert.equal(32, #encoding.hmac_sha256("k", "v"))
  end)
end)


describe("lapis.validate", function()
  local input = { age = "", name = "abc", height = "12234234", colour = "#aaf", at = "2020-01-02 03:04:05" }


  it("says what is wrong", function()
    assert.same({ "age must be provided", "100% WRONG", "name must be at least 4 chars", "height must be at most 5 chars", "age must be an integer",
      "name must be one of cruise, control", "age is not the right format", "name must match", "name must be a table" },
      validate.validate(input, {
        { "age", exists = true }, { "rupture", exists = true, "100% WRONG" }, { "name", exists = true, min_length = 4 },
        { "height", max_length = 5 }, { "age", is_integer = true }, { "name", one_of = { "cruise", "control" } },
        { "age", matches_pattern = "." }, { "name", equals = "x" }, { "name", type = "table" }, { "age", optional = true, min_length = 9 },
      }))
    assert.is_false(validate.validate(input, { { "colour", is_color = true }, { "at", is_timestamp = true }, { "height", is_integer = true } }))
    assert.same({ age = "age must be provided" }, validate.validate(input, { { "age", exists = true } }, { keys = true }))
  end)


  it("gives errors to capture_errors", function()
    local self = {}
    local action = application.capture_errors(function() validate.assert_valid({}, { { "thing", exists = true } }) end, function(r) return r.errors end)
    assert.same({ "thing must be provided" }, action(self))
    assert.is_nil(application.capture_errors(function() validate.assert_valid({ thing = 1 }, { { "thing", exists = true } }) end)(self))
  end)
end)


describe("lapis.application", function()
  it("answers with texts, JSON, headers and redirections", function()
    local app = new_app()
    app:get("/text", function() return "hello" end)
    app:get("/json/:id", function(self) return { json = { id = self.params.id, q = self.GET.q }, status = 201, headers = { ["X-A"] = "b" } } end)
    app:get("target", "/to/:name", function() return { redirect_to = "/text" } end)
    app:get("/link", function(self) return { self:url_for("target", { name = "x" }, { a = 1 }), " ", self:build_url("p?q", { host = "else" }) } end)
    app:post("/text", function(self) return { "posted ", self.POST.field, content_type = "text/plain" } end)
    local status, content, headers = ask(app, "GET", "/text")
    assert.same({ nil, "hello", "text/html" }, { status, content, headers["Content-Type"] })
    status, content, headers = ask(app, "GET", "/json/7", { params_get = { q = "x" } })
    assert.same({ 201, "b", "application/json" }, { status, headers["X-A"], headers["Content-Type"] })
    assert.same({ id = "7", q = "x" }, util.from_json(content))
    status, content, headers = ask(app, "GET", "/to/x")
    assert.same({ 302, "http://here:8000/text" }, { status, headers.Location, content })
    assert.equal("/to/x?a=1 http://else:8000/p?q", (select(2, ask(app, "GET", "/link"))))
    status, content, headers = ask(app, "POST", "/text", { params_post = { field = "1" } })
    assert.same({ nil, "posted 1", "text/plain" }, { status, content, headers["Content-Type"] })
    status, content = ask(app, "HEAD", "/text")
    assert.same({}, { status, content })
    status, content, headers = ask(app, "GET", "//evil.com//?a=b")
    assert.same({ 301, "http://here:8000/evil.com?a=b" }, { status, headers.Location, content })
  end)


  local function answer(...)
    return { unpack({ ask(...) }, 1, 2) }
  end


  it("has callbacks for what goes wrong", function()
    local app = new_app()
    app:get("/bad", function() error("oh no") end)
    assert.same({ 500, "Internal Server Error" }, answer(app, "GET", "/nothing"))
    app.handle_404 = function(self) return { status = 404, "no " .. self.req.request_uri } end
    app.handle_error = function(self, err) return { status = 503, err:match("oh no"), " at ", self.original_request.req.request_uri } end
    assert.same({ 404, "no /nothing" }, answer(app, "GET", "/nothing"))
    assert.same({ 503, "oh no at /bad" }, answer(app, "GET", "/bad"))
    assert.same({ 503 }, { (ask(app, "PUT", "/bad")) })
  end)


  it("runs filters before actions", function()
    local app, seen = new_app(), {}
    app:before_filter(function(self) if self.params.stop then self:write({ status = 403, "stopped" }) end end)
    app:match("/x", application.respond_to({
      before = function(self) if self.params.late then self:write("late") end end,
      GET = function() seen[#seen + 1] = "GET" return "got" end,
    }))
    assert.same({ nil, "got" }, answer(app, "GET", "/x"))
    assert.same({ 403, "stopped" }, answer(app, "GET", "/x", { params_get = { stop = "1" } }))
    assert.same({ nil, "late" }, answer(app, "GET", "/x", { params_get = { late = "1" } }))
    assert.same({ "GET" }, seen)
  end)


  it("captures errors also around things that yield", function()
    local app = new_app()
    app:match("/x", application.capture_errors_json(function(self)
      ngx.sleep(0)
      application.assert_error(self.params.ok, "not ok")
      return "fine"
    end))
    local _, content, headers = ask(app, "GET", "/x")
    assert.same({ '{"errors":["not ok"]}', "application/json" }, { content, headers["Content-Type"] })
    assert.equal("fine", (select(2, ask(app, "GET", "/x", { params_get = { ok = "1" } }))))
    local action = application.capture_errors({ function() application.yield_error() end, on_error = function(self) return self.errors[1] end })
    assert.equal("unknown error", action({}))
    assert.has_error(application.capture_errors(function() error({ code = 1 }) end))
  end)


  it("reads parameters from JSON and nested names", function()
    local app = new_app()
    app:match("/x", application.json_params(function(self) return { json = self.params } end))
    local _, content = ask(app, "POST", "/x", { headers = { ["content-type"] = "application/json; charset=utf-8" },
      params_get = { ["a[b][c]"] = "1", ["a[d]"] = "2" }, read_body_as_string = function() return '{"n": 5}' end })
    assert.same({ a = { b = { c = "1" }, d = "2" }, n = 5 }, util.from_json(content))
    content = select(2, ask(app, "POST", "/x", { headers = { ["content-type"] = "application/json" }, read_body_as_string = function() return "{" end }))
    assert.equal("{}", content)
  end)


  it("is extended and included", function()
    local Other, base = lapis.Application:extend("Other", { layout = false, name = "o_", path = "/o", hello = function() return "hi" end })
    Other:get("one", "/one", function(self) return self.app.hello() .. " " .. self.route_name end)
    Other:before_filter(function(self) if self.params.no then self:write("no") end end)
    assert.is_function(base.hello)
    base["/field"] = function() return "field" end
    local app = Other()
    assert.equal("hi one", (select(2, ask(app, "GET", "/one"))))
    assert.equal("field", (select(2, ask(app, "GET", "/field"))))
    local whole = new_app()
    whole.hello = function() return "ho" end
    whole:include(Other)
    assert.equal("ho o_one", (select(2, ask(whole, "GET", "/o/one"))))
    assert.equal("no", (select(2, ask(whole, "GET", "/o/one", { params_get = { no = "1" } }))))
    assert.equal("/o/one", select(2, whole:find_action("o_one")).o_one)
    assert.has_error(function() lapis.Application:get("/x", print) end)
  end)


  it("renders templates in a layout", function()
    local etlua = require "etlua"
    local app = lapis.Application()
    app:enable("etlua")
    package.loaded["views.lapis_page"] = etlua.compile("<%= name %>, <%= url_for('page') %> <%= params.q %>")
    app:get("page", "/page", function(self)
      self.name, self.title = "<me>", "T"
      return { render = "lapis_page" }
    end)
    app:get("/own", function() return { render = etlua.compile("x"), layout = etlua.compile("[<% -%><%- content_for('inner') %>]") } end)
    assert.equal('<!DOCTYPE HTML><html lang="en"><head><title>T</title></head><body>&lt;me&gt;, /page &lt;</body></html>',
      (select(2, ask(app, "GET", "/page", { params_get = { q = "<" } }))))
    assert.equal("[x]", (select(2, ask(app, "GET", "/own"))))
    package.loaded["views.lapis_page"] = nil
    require("loadkit").unregister("etlua")
  end)


  it("reads and sets cookies", function()
    local app = new_app()
    app:get("/", function(self)
      self.cookies.new = "a b"
      return self.cookies.old
    end)
    local _, content, headers = ask(app, "GET", "/", { headers = { cookie = "old=1; x=2" } })
    assert.same({ "1", "new=a%20b; Path=/; HttpOnly" }, { content, headers["Set-Cookie"] })
  end)
end)
