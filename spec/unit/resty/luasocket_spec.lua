-- LuaSocket as Kong's plugins see it, with requests that a connection of their own makes visible.
local http = require "socket.http"
local null = require("ltn12").sink.null
local socket = require "socket"

describe("LuaSocket", function()
  local sent

  -- What stands in for a connection: keeps what is sent, answers 200.
  local function create()
    local answer = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    return {
      settimeout = function()
        return 1
      end,
      connect = function()
        return 1
      end,
      close = function() end,
      send = function(_, text)
        sent = sent .. text
        return #text
      end,
      receive = function(_, pattern, prefix)
        local text = type(pattern) == "number" and answer:sub(1, pattern) or answer:match("^(.-)\r\n")
        if not text or text == "" and answer == "" then
          return nil, "closed"
        end
        answer = answer:sub(#text + (type(pattern) == "number" and 1 or 3))
        return (prefix or "") .. text
      end,
      getfd = function()
        return 1
      end,
      dirty = function()
        return false
      end,
    }
  end

  before_each(function()
    sent = ""
  end)

  it("has the name of the release that Kong carries", function()
    assert.equal("LuaSocket 3.0-rc1", socket._VERSION)
    assert.equal("LuaSocket 3.0-rc1", http.USERAGENT)
  end)

  it("leaves the port out of the Host that it makes from the URL", function()
    assert.equal(200, select(2, http.request { url = "http://a.test:8080/x", create = create, sink = null() }))
    assert.matches("Host: a.test\r\n", sent, 1, true)
    assert.matches("User-Agent: LuaSocket 3.0-rc1\r\n", sent, 1, true)
  end)

  it("sends the Host that it is given", function()
    http.request { url = "http://a.test:8080/x", create = create, sink = null(), headers = { Host = "a.test:8080" } }
    assert.matches("Host: a.test:8080\r\n", sent, 1, true)
    sent = ""
    http.request { url = "http://a.test/x", create = create, sink = null(), headers = { accept = "x" } }
    assert.matches("Host: a.test\r\n", sent, 1, true)
  end)
end)
