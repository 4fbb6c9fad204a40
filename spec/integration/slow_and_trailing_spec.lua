-- Bodies that come slowly, and what comes behind a body.
local kgw = require "spec.support.kgw"


-- An upstream of one request, whose answer has trailers; its port.
local function upstream()
  local server = assert(require("socket").bind("127.0.0.1", 0))
  local _, port = server:getsockname()
  server:close()
  local answer = "HTTP/1.1 200 OK\\r\\nTransfer-Encoding: chunked\\r\\nTrailer: X-Sum\\r\\n\\r\\n2\\r\\nok\\r\\n0\\r\\nX-Sum: 7\\r\\nAuthorization: a\\r\\n\\r\\n"
  local process = require("ngx.pipe").spawn({ "/bin/sh", "-c", "exec perl -MIO::Socket::INET -e '"
    .. "$s = IO::Socket::INET->new(LocalAddr => \"127.0.0.1\", LocalPort => " .. port .. ", Listen => 5, ReuseAddr => 1); "
    .. "while ($c = $s->accept) { while (<$c>) { last if /^\\r/ } print $c \"" .. answer .. "\"; close $c }'" })
  return port, process
end


describe("a gateway", function()
  local node, process

  local function start(conf)
    local port
    port, process = upstream()
    node = kgw.new(conf, ([[
_format_version: "3.0"
services:
- {name: s, url: "http://127.0.0.1:PORT", routes: [{name: r, paths: [/]}]}
]]):gsub("PORT", tostring(port)))
    node:start()
  end

  after_each(function()
    kgw.stop_all()
    process:kill(9)
  end)

  it("lets trailers of answers end here, as Kong does, or passes them on to clients that ask", function()
    for _, is_on in ipairs { false, true } do
      start(is_on and { nginx_proxy_proxy_pass_trailers = "on" } or {})
      local body
      kgw.wait_for("the upstream", 5, function()
        local status
        status, body = node:get("/", { TE = "trailers" })
        return status == 200
      end)
      assert.are.equal(is_on and "2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n" or "2\r\nok\r\n0\r\n\r\n", body)
      assert.are.equal("2\r\nok\r\n0\r\n\r\n", (select(2, node:get("/"))))
      kgw.stop_all()
      process:kill(9)
    end
  end)

  it("answers 408 to a body that comes more slowly than client_body_min_rate, after ten seconds", function()
    start { client_body_min_rate = 1000 }
    local sock = ngx.socket.tcp()
    sock:settimeout(2000)
    assert(sock:connect("127.0.0.1", node.proxy))
    assert(sock:send("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"))
    local line
    local began = ngx.now()
    repeat
      sock:send("x")
      sock:settimeout(500)
      line = sock:receive("*l")
      ngx.update_time()
    until line or ngx.now() - began > 20
    sock:close()
    assert.matches("^HTTP/1.1 408 ", line)
    assert.is_true(ngx.now() - began > 9)
  end)
end)
