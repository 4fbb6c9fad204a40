-- etlua: templates with embedded Lua.
local etlua = require "etlua"


describe("etlua", function()
  it("renders code, escaped and raw expressions", function()
    local out = etlua.render("<% for _, v in ipairs(list) do %>(<%= v %>)<% end %> <%= html %> <%- html %>!", { list = { 1, "b" }, html = "<'\"&>" })
    assert.equal("(1)(b) &lt;&#039;&quot;&amp;&gt; <'\"&>!", out)
  end)


  it("finds names in the environment, then among the globals", function()
    assert.equal("nil string", etlua.render("<%= tostring(nothing) %> <%= type(name) %>", { name = "x" }))
  end)


  it("swallows one newline behind a tag that asks for it", function()
    assert.equal("a\nb", etlua.render("<%= 'a' -%>\n\n<%- 'b' -%>\n"))
  end)


  it("leaves closing tags in strings alone, and quotes in comments", function()
    assert.equal("y%&gt;u", etlua.render([[<%= "y%>u" %>]]))
    assert.equal("%>]", etlua.render("<%- [=[%>]]=] %>"))
    assert.equal("ab", etlua.render("a<% -- don't %>b"))
    assert.equal("1", etlua.render("<%= 1 -- one %>"))
    assert.equal("a%&gt;&#039;", etlua.render([[<%= 'a%>\'' %>]]))
  end)


  it("names the line of the template in errors", function()
    local text = "what is\nhello <% howdy doody %>\nnothing left\n"
    local fn, err = etlua.compile(text)
    assert.is_nil(fn)
    assert.matches("[2]: hello <% howdy doody %>", err, 1, true)
    fn, err = etlua.compile("one\n<%\nlocal a = 1\nlocal b = = 2\n%>")
    assert.is_nil(fn)
    assert.matches("[4]: local b = = 2", err, 1, true)
    assert.same({ nil, "failed to find closing tag [2]: b <%= world" }, { etlua.compile("a\nb <%= world\n") })
    assert.same({ nil, "failed to find string close [1]: <%= 'world %>" }, { etlua.render("<%= 'world %>") })
  end)


  it("renders into a buffer that has something", function()
    local buffer = { "first" }
    assert.equal("firsthelloyeah", etlua.compile("hello<%= 'yeah' %>")({}, buffer, #buffer))
  end)


  it("has a parser whose steps can be called one by one", function()
    local parser, buffer = etlua.Parser(), {}
    local hello = parser:load(parser:compile_to_lua("Hello "))
    local world = parser:load(parser:compile_to_lua("<%= who %>"))
    parser:run(hello, nil, buffer, #buffer)
    assert.equal(buffer, parser:run(world, { who = "World" }, buffer, #buffer))
    assert.equal("Hello World", table.concat(buffer))
    assert.is_false(parser.in_string({ str = "hello [=[ wor'ld ]=]dad" }, 1, 23))
    assert.is_true(parser.in_string({ str = 'hello "hello \\" world' }, 1, 21))
  end)


  it("writes its code with a compiler of the caller", function()
    local Raw = setmetatable({ __base = setmetatable({ html_escape = false }, etlua.Compiler.__base) }, {
      __index = etlua.Compiler,
      __call = function(class)
        local self = setmetatable({}, { __index = class.__base })
        class.__init(self)
        return self
      end,
    })
    local parser = etlua.Parser()
    local fn = parser:load(parser:compile_to_lua("<%= '<' %>", Raw))
    assert.equal("<", table.concat(parser:run(fn)))
  end)


  it("keeps renderings that overlap apart", function()
    local fn = etlua.compile("<%= name %> <% wait() %><%= name %>")
    local threads = {}
    for _, name in ipairs({ "a", "b" }) do
      threads[#threads + 1] = ngx.thread.spawn(fn, { name = name, wait = function() ngx.sleep(0) end })
    end
    assert.same({ true, "a a" }, { ngx.thread.wait(threads[1]) })
    assert.same({ true, "b b" }, { ngx.thread.wait(threads[2]) })
  end)
end)
