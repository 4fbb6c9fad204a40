-- net.url: parts of URLs, queries with brackets, resolving.
local url = require "net.url"


describe("net.url", function()
  local function each(cases, fn)
    for input, expected in pairs(cases) do
      assert.equal(expected, tostring(fn(input)), input)
    end
  end


  after_each(function()
    url.options.separator = "&"
    url.options.cumulative_parameters = false
    url.options.query_plus_is_space = true
    url.options.legal_in_path["+"] = nil
  end)


  it("takes URLs apart", function()
    local u = url.parse("HTTP://user:pass@EXAMPLE.com:8080/a%2fb/~c?x=1#frag")
    assert.same({ "http", "user:pass@EXAMPLE.com:8080", "user:pass", "user", "pass", "example.com", 8080, "/a%2Fb/~c", "frag" },
      { u.scheme, u.authority, u.userinfo, u.user, u.password, u.host, u.port, u.path, u.fragment })
    assert.equal("1", u.query.x)
  end)


  it("leaves out what is not valid", function()
    assert.is_nil(url.parse("http:// lua.org").host)
    assert.is_nil(url.parse("http://127.260.30.1:80/test").host)
    assert.is_nil(url.parse("http://[56FE::2159:5BBC::6594]:8080/test").host)
    assert.is_nil(url.parse("http://a..b/").host)
    assert.is_nil(url.parse("https://example.com\\uFF03@bing.com").userinfo)
    assert.equal("[2001:db8::7]", url.parse("http://[2001:db8::7]/").host)
  end)


  it("builds what it has parsed, cleaned", function()
    each({
      ["http://:@example.com/"] = "http://example.com/",
      ["http://example.com"] = "http://example.com",
      ["http://EXAMPLE.COM:80/%7Ejane?q=%5c"] = "http://example.com/~jane?q=%5C",
      ["http://example.com:081/"] = "http://example.com:81/",
      ["telnet://192.0.2.16:80/"] = "telnet://192.0.2.16:80/",
      ["http://[2001:db8::1:0:0:1]:8080/test?a=b"] = "http://[2001:db8::1:0:0:1]:8080/test?a=b",
      ["mailto:John.Doe@example.com"] = "mailto:John.Doe@example.com",
      ["http://example.com?q=foo bar+x"] = "http://example.com/?q=foo%20bar%20x",
      ["https://g.com/Link with +/"] = "https://g.com/Link%20with%20%2B/",
      ["//lua.org/path?query=1:2"] = "//lua.org/path?query=1:2",
      ["foo/bar"] = "foo/bar",
    }, url.parse)
    url.options.legal_in_path["+"] = true
    url.options.query_plus_is_space = false
    assert.equal("http://a/b+c?x=y%2Bz", tostring(url.parse("http://a/b+c?x=y+z")))
  end)


  it("is changed in place", function()
    local u = url.parse("http://www.example.com/?last=m&first=b")
    u.query.last = nil
    u.query.net = "url 2"
    u.fragment = "lua"
    assert.equal("http://www.example.com/?first=b&net=url%202#lua", tostring(u))
    u:setQuery({ json = true, skip = 100 })
    assert.equal("json=true&skip=100", tostring(u.query))
    u = url.parse("http://example.com") / "bands" / "AC/DC"
    assert.equal("http://example.com/bands/AC%2FDC", tostring(u))
    assert.equal("see http://example.com/bands/AC%2FDC!", "see " .. u .. "!")
  end)


  it("resolves relative to a base", function()
    each({
      ["g:h"] = "g:h", ["g"] = "http://a/b/c/g", ["./g/"] = "http://a/b/c/g/", ["/g"] = "http://a/g", ["//g"] = "http://g",
      ["?y"] = "http://a/b/c/d;p?y", ["g?y#s"] = "http://a/b/c/g?y#s", ["#s"] = "http://a/b/c/d;p?q#s", [""] = "http://a/b/c/d;p?q",
      ["."] = "http://a/b/c/", [".."] = "http://a/b/", ["../g"] = "http://a/b/g", ["../../../g"] = "http://a/g", ["/../g"] = "http://a/g",
      ["..g"] = "http://a/b/c/..g", ["./g/."] = "http://a/b/c/g/", ["g;x=1/../y"] = "http://a/b/c/y", ["g#s/../x"] = "http://a/b/c/g#s/../x",
    }, function(relative)
      return url.parse("http://a/b/c/d;p?q"):resolve(relative)
    end)
  end)


  it("normalizes paths", function()
    each({
      ["/foo/bar/."] = "/foo/bar/", ["/foo/bar/../.."] = "/", ["/foo/../../baz"] = "/baz", ["/foo///bar//"] = "/foo/bar/", ["/..foo"] = "/..foo",
      ["foo/../test"] = "test", ["http://www.FOO.com:80///foo/../foo/./bar"] = "http://www.foo.com/foo/bar",
    }, url.normalize)
    assert.equal("/a/c", url.removeDotSegments("/a//b/../c"))
  end)


  it("parses queries with brackets", function()
    assert.same({ first = "abc", a = { "123", "false", "last" }, b = { x = { [3] = "3.5" } } },
      url.parseQuery("first=abc&a[]=123&a[]=false&b[x][3]=3.5&a[]=last"))
    assert.same({ arr = { { "sid" }, { "fred" } } }, url.parseQuery("arr[][]=sid&arr[][]=fred"))
    assert.same({ ["arr[1"] = "sid", arr = { [4] = "titi" }, ["arr]"] = { [4] = "abc" } }, url.parseQuery("arr[1=sid&arr[4][2=x&arr][4]=abc&arr[4]2]=titi"))
    assert.same({ arr_test = "%a\"=d", ["x.y"] = "" }, url.parseQuery("arr test=%a\"=d&x.y"))
    assert.same({ a = "1" }, url.parseQuery("a=1&a=2"))
    url.options.separator = ";"
    assert.same({ first = "1", third = { "3" } }, url.parseQuery(";first=1;;third[1]=3;"))
  end)


  it("builds queries with brackets, sorted", function()
    assert.equal("a[1]&a[2]=x%20y&b[1][1]=%3F", url.buildQuery({ b = { { "?" } }, a = { "", "x y" } }))
    assert.equal("arr%5Bone=sid", tostring(url.parseQuery("arr[one=sid")))
    url.options.cumulative_parameters = true
    local query = url.parseQuery("p=1&p=2&p[test]=3&p=4")
    assert.same({ p = { "1", "2", "4", test = "3" } }, query)
    assert.equal("p=1&p=2&p=4&p[test]=3", tostring(query))
  end)
end)
