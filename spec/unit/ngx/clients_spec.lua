-- The HTTP, Redis, WebSocket and DNS libraries against scripted peers: what a peer answers is written before it is asked.
local luasocket = require "socket"


local function scripted(answer, fn)
  local server = assert(luasocket.bind("127.0.0.1", 0))
  local _, port = server:getsockname()
  local thread = ngx.thread.spawn(fn, tonumber(port))
  local peer = assert(server:accept())
  peer:settimeout(2)
  if answer then
    peer:send(answer)
  end
  return peer, function()
    local results = { ngx.thread.wait(thread) }
    server:close()
    peer:close()
    return unpack(results, 2, 10)
  end
end


describe("resty.http", function()
  local http = require "resty.http"

  local function get(answer, params)
    local _, finish = scripted(answer, function(port)
      return http.new():request_uri("http://127.0.0.1:" .. port .. "/p?q=1", params)
    end)
    return finish()
  end

  it("reads bodies by length, in chunks, to the end", function()
    assert.equal("hello", get("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello").body)
    assert.equal("some text", get("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nsome \r\n4\r\ntext\r\n0\r\nX: y\r\n\r\n").body)
    assert.equal("", get("HTTP/1.1 204 No Content\r\n\r\n").body)
  end)

  it("finds headers in any case", function()
    local res = get("HTTP/1.1 200 Fine\r\nX-One: 1\r\nset-cookie: a\r\nSet-Cookie: b\r\nContent-Length: 0\r\n\r\n")
    assert.equal("Fine", res.reason)
    assert.equal("1", res.headers["x-one"])
    assert.same({ "a", "b" }, res.headers["Set-Cookie"])
  end)

  it("skips interim answers", function()
    assert.equal(201, get("HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n").status)
  end)

  it("sends what it was given", function()
    local peer, finish = scripted("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", function(port)
      return http.new():request_uri("http://127.0.0.1:" .. port .. "/p?q=1", { method = "POST", body = { "a", "bc" } })
    end)
    finish()
    local _ = peer
    local client = http.new()
    assert.same({ nil, "bad uri: nope" }, { client:request_uri("nope") })
  end)

  it("parses URIs", function()
    local client = http.new()
    local m = client:parse_uri("https://a.b:8443/c?d=e", false)
    assert.same({ "https", "a.b", 8443, "/c", "d=e" }, { m[1], m[2], m[3], m[4], m[5] })
    m = client:parse_uri("http://[::1]/x")
    assert.same({ "http", "[::1]", 80, "/x" }, { m[1], m[2], m[3], m[4] })
  end)

  it("reports a cut answer", function()
    local server = assert(luasocket.bind("127.0.0.1", 0))
    local _, port = server:getsockname()
    local thread = ngx.thread.spawn(function()
      return http.new():request_uri("http://127.0.0.1:" .. port .. "/")
    end)
    local peer = server:accept()
    peer:send("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\nshort")
    peer:shutdown("send")
    assert.same({ true, nil, "closed" }, { ngx.thread.wait(thread) })
    peer:close()
    server:close()
  end)
end)


describe("resty.redis", function()
  local redis = require "resty.redis"

  local function command(answer, fn)
    local peer, finish = scripted(answer, function(port)
      local red = redis:new()
      red:set_timeout(2000)
      assert(red:connect("127.0.0.1", port))
      return fn(red)
    end)
    local _ = peer
    return finish()
  end

  it("reads every kind of reply", function()
    assert.equal("OK", command("+OK\r\n", function(red) return red:set("k", "v") end))
    assert.equal("hello", command("$5\r\nhello\r\n", function(red) return red:get("k") end))
    assert.equal(ngx.null, command("$-1\r\n", function(red) return red:get("k") end))
    assert.equal(42, command(":42\r\n", function(red) return red:incr("n") end))
    assert.same({ "a", 1, ngx.null }, (command("*3\r\n$1\r\na\r\n:1\r\n$-1\r\n", function(red) return red:lrange("l", 0, -1) end)))
    assert.same({ false, "ERR wrong" }, { command("-ERR wrong\r\n", function(red) return red:get("k") end) })
  end)

  it("sends pipelines at once", function()
    local results = command("+OK\r\n-ERR x\r\n", function(red)
      red:init_pipeline()
      red:set("a", 1)
      red:get("a")
      return red:commit_pipeline()
    end)
    assert.same({ "OK", { false, "ERR x" } }, results)
  end)

  it("follows subscriptions", function()
    local script = "*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n"
    local first, second, refused, again = command(script, function(red)
      local a = red:subscribe("c")
      local _, err = red:set_keepalive()
      local b = red:read_reply()
      red:unsubscribe("c")
      return a, b, err, red:set_keepalive()
    end)
    assert.same({ "subscribe", "c", 1 }, first)
    assert.same({ "message", "c", "hi" }, second)
    assert.equal("subscribed state", refused)
    assert.equal(1, again)
  end)
end)


describe("resty.websocket.protocol", function()
  local protocol = require "resty.websocket.protocol"

  -- A socket over a string.
  local function reader(text)
    return {
      receive = function(_, n)
        if #text < n then
          return nil, "closed", text
        end
        local data = text:sub(1, n)
        text = text:sub(n + 1)
        return data
      end,
    }
  end

  it("reads the frames it builds", function()
    for _, size in ipairs { 0, 1, 125, 126, 65535, 65536 } do
      for _, masked in ipairs { true, false } do
        local payload = ("x"):rep(size)
        local frame = protocol.build_frame(true, 0x2, size, payload, masked)
        local data, kind, err = protocol.recv_frame(reader(frame), 100000, masked)
        assert.equal(payload, data)
        assert.equal("binary", kind)
        assert.is_nil(err)
      end
    end
  end)

  it("tells the status code of a close frame", function()
    assert.same({ "bye", "close", 1000 }, { protocol.recv_frame(reader(protocol.build_frame(true, 0x8, 5, "\3\232bye", false)), 100) })
  end)

  it("refuses what the RFC forbids", function()
    assert.equal("frame unmasked", select(3, protocol.recv_frame(reader("\129\1x"), 10, true)))
    assert.equal("bad RSV1, RSV2, or RSV3 bits", select(3, protocol.recv_frame(reader("\193\1x"), 10)))
    assert.equal("exceeding max payload len", select(3, protocol.recv_frame(reader("\129\11"), 10)))
    assert.equal("failed to receive the first 2 bytes: closed", select(3, protocol.recv_frame(reader(""), 10)))
  end)
end)


describe("resty.dns.resolver", function()
  local packet = require "resty.dns.packet"
  local resolver = require "resty.dns.resolver"

  it("builds queries and reads answers", function()
    local query = packet.build("a.test", 1, 0x1234, true)
    assert.equal("\18\52\1\0\0\1\0\0\0\0\0\0\1a\4test\0\0\1\0\1", query)
    local answer = "\18\52\129\128\0\1\0\1\0\0\0\0" .. query:sub(13) .. "\192\12\0\1\0\1\0\0\0\60\0\4\127\0\0\5"
    local records = packet.parse(answer, 0x1234, {})
    assert.same({ { name = "a.test", type = 1, class = 1, ttl = 60, section = 1, address = "127.0.0.5" } }, records)
  end)

  it("survives any cut of an answer", function()
    local answer = "\18\52\129\128\0\1\0\1\0\0\0\0\1a\4test\0\0\1\0\1\192\12\0\1\0\1\0\0\0\60\0\4\127\0\0\5"
    for n = 0, #answer - 1 do
      assert.is_nil((packet.parse(answer:sub(1, n), 0x1234, {})))
    end
  end)

  it("writes addresses both ways", function()
    assert.equal("fe80::1", resolver.compress_ipv6_addr("fe80:0:0:0:0:0:0:1"))
    assert.equal("fe80:0:0:0:0:0:0:1", resolver.expand_ipv6_addr("fe80::1"))
    assert.equal("1.0.0.127.in-addr.arpa", resolver.arpa_str("127.0.0.1"))
  end)
end)
