-- zipkin and opentelemetry with a node that plays services and collectors and keeps what it was sent.
local cjson = require "cjson.safe"
local kgw = require "spec.support.kgw"


local COLLECTOR = [[
_format_version: "3.0"
routes:
- name: spans
  paths: [/spans]
  plugins:
  - name: pre-function
    config:
      access:
      - |
        ngx.shared.kong:rpush("sent", kong.request.get_raw_body())
        kong.response.exit(200)
- name: sent
  paths: [/sent]
  plugins:
  - name: pre-function
    config: {access: ["kong.response.exit(200, ngx.shared.kong:lpop('sent') or '')"]}
- name: echo
  paths: [/echo]
  plugins:
  - name: pre-function
    config: {access: ["kong.response.exit(200, kong.request.get_headers())"]}
]]

local GATEWAY = [[
_format_version: "3.0"
upstreams:
- name: pool
  targets: [{target: "127.0.0.1:${CLOSED}"}, {target: "127.0.0.1:${UP}"}]
services:
- name: good
  url: http://127.0.0.1:${UP}/echo
  routes:
  - name: otel
    paths: [/otel]
    plugins:
    - name: opentelemetry
      config: {traces_endpoint: "http://127.0.0.1:${UP}/spans", http_response_header_for_traceid: X-Trace}
- name: retried
  url: http://pool/echo
  routes:
  - name: zipkin
    paths: [/zipkin]
    plugins:
    - name: zipkin
      config: {http_endpoint: "http://127.0.0.1:${UP}/spans", sample_ratio: 1, phase_duration_flavor: tags,
               queue: {max_batch_size: 10, max_coalescing_delay: 0.1}}
]]


describe("tracing plugins", function()
  local node, collector

  setup(function()
    collector = kgw.new({ untrusted_lua = "on" }, COLLECTOR):start()
    node = kgw.new({}, (GATEWAY:gsub("${UP}", collector.proxy):gsub("${CLOSED}", kgw.free_port()))):start()
  end)

  teardown(kgw.stop_all)

  it("pass a trace on when the gateway traces nothing itself", function()
    local status, body, head = node:get("/otel")
    assert.equal(200, status)
    local trace = cjson.decode(body).traceparent:match("^00%-(%x+)%-%x+%-00$")
    assert.equal(32, #trace)
    assert.matches("X%-Trace: " .. trace, head)
    local parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    status, body, head = node:get("/otel", { traceparent = parent })
    assert.equal(200, status)
    assert.matches("^00%-0af7651916cd43dd8448eb211c80319c%-", cjson.decode(body).traceparent)
    assert.matches("X%-Trace: 0af7651916cd43dd8448eb211c80319c", head)
    ngx.sleep(1.2)
    assert.same("", select(2, collector:get("/sent")))
  end)

  it("tell of tries that failed", function()
    local status
    for _ = 1, 3 do
      status = node:get("/zipkin")
      assert.equal(200, status)
    end
    local spans, requests = {}, 0
    kgw.wait_for("the spans of three requests", 5, function()
      local _, body = collector:get("/sent")
      for _, span in ipairs(cjson.decode(body) or {}) do
        spans[#spans + 1] = span
        requests = requests + (span.kind == "SERVER" and 1 or 0)
      end
      return requests == 3
    end)
    local failed, ids = 0, {}
    for _, span in ipairs(spans) do
      ids[span.id] = true
      if span.tags.error then
        failed = failed + 1
        assert.equal("failed", span.tags["kong.balancer.state"])
        assert.equal("502", span.tags["http.status_code"])
      end
      if span.name == "GET (proxy)" then
        assert.matches("^%d+$", span.tags["kong.access.duration_ms"])
      end
    end
    assert.is_true(failed > 0)
    for _, span in ipairs(spans) do
      assert.is_true(not span.parentId or ids[span.parentId] ~= nil)
    end
  end)
end)
