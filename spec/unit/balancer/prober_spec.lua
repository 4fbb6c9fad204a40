local prober = require "kong.balancer.prober"


describe("probe", function()
  local function text(source, host_header)
    return prober.request_text({ checks = { source = source }, host_header = host_header }, { hostname = "t.test" })
  end

  it("asks for the path with HTTP/1.0, so that the connection ends with the answer", function()
    assert.equal("GET /health HTTP/1.0\r\nHost: t.test\r\n\r\n", text({ http_path = "/health" }))
  end)

  it("carries the upstream's host_header and extra fields", function()
    local probe = text({ headers = { ["X-A"] = { "1", "2" } } }, "set.test")
    assert.matches("X-A: 1\r\nX-A: 2\r\n", probe, 1, true)
    assert.matches("Host: set.test\r\n", probe, 1, true)
  end)
end)
