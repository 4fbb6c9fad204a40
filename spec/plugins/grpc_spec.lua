-- grpc-web and grpc-gateway before a node that plays a gRPC service: it returns the message it got.
local cjson = require "cjson.safe"
local frame = require("kong.tools.grpc").frame
local kgw = require "spec.support.kgw"
local unframe = require("kong.tools.grpc").unframe


local PROTO = [[
syntax = "proto3";
package shop;
service Shop {
  rpc Buy (Order) returns (Order) {
    option (google.api.http) = { get: "/v1/orders/{name=*}" additional_bindings { post: "/v1/orders" body: "*" } };
  }
}
message Item { string color = 1; }
message Order { string name = 1; int32 count = 2; bool gift = 3; Item item = 4; }
]]

local SERVICE = [[
_format_version: "3.0"
routes:
- name: any
  paths: [/]
  plugins:
  - name: pre-function
    config:
      access:
      - |
        kong.response.exit(200, kong.request.get_raw_body(), {
          ["Content-Type"] = "application/grpc",
          ["X-Path"] = kong.request.get_path(),
          ["grpc-status"] = kong.request.get_header("x-status"),
        })
]]

local GATEWAY = [[
_format_version: "3.0"
services:
- name: s
  url: grpc://127.0.0.1:${UP}
  routes:
  - name: web
    paths: [/shop.Shop]
    strip_path: false
    protocols: [http]
    plugins: [{name: grpc-web, config: {proto: "${PROTO}"}}]
  - name: stripped
    paths: [/prefix]
    protocols: [http]
    plugins: [{name: grpc-web, config: {proto: "${PROTO}", pass_stripped_path: true}}]
  - name: json
    paths: [/v1]
    strip_path: false
    protocols: [http]
    plugins: [{name: grpc-gateway, config: {proto: "${PROTO}"}}]
]]


describe("gRPC for other clients", function()
  local node

  setup(function()
    local port = kgw.free_port()
    kgw.new({ proxy_listen = "127.0.0.1:" .. port .. " http2" }, SERVICE):start()
    node = kgw.new({})
    node:write("shop.proto", PROTO)
    node:write("kong.yml", (GATEWAY:gsub("${UP}", port):gsub("${PROTO}", node.folder .. "/shop.proto")))
    node:write_conf({ declarative_config = node.folder .. "/kong.yml" })
    node:start()
  end)

  teardown(kgw.stop_all)

  local function request(method, path, body, headers)
    local http = require("resty.http").new()
    return assert(http:request_uri("http://127.0.0.1:" .. node.proxy .. path, {
      method = method,
      headers = headers,
      body = body,
    }))
  end

  it("grpc-gateway makes messages of paths and queries", function()
    local res = request("GET", "/v1/orders/tea?count=3&gift=true&item.color=red&unknown=1")
    assert.equal(200, res.status)
    assert.equal("application/json", res.headers["Content-Type"])
    assert.equal("/shop.Shop/Buy", res.headers["X-Path"])
    assert.same({ name = "tea", count = 3, gift = true, item = { color = "red" } }, cjson.decode(res.body))
  end)

  it("grpc-gateway makes messages of JSON", function()
    local res = request("POST", "/v1/orders", '{"name":"tea","count":2}')
    assert.equal(200, res.status)
    local order = cjson.decode(res.body)
    assert.same({ "tea", 2 }, { order.name, order.count })
    assert.equal(400, request("POST", "/v1/orders", "{").status)
    assert.equal(400, request("GET", "/v1/nothing").status)
  end)

  it("grpc-gateway turns gRPC's status into HTTP's", function()
    assert.equal(404, request("GET", "/v1/orders/tea", nil, { ["X-Status"] = "5" }).status)
  end)

  it("grpc-web passes messages and puts trailers at the end of the body", function()
    local message = frame(0, "\10\3tea")
    local res = request("POST", "/shop.Shop/Buy", ngx.encode_base64(message), {
      ["Content-Type"] = "application/grpc-web-text",
    })
    assert.equal(200, res.status)
    assert.equal("application/grpc-web-text", res.headers["Content-Type"])
    assert.equal("*", res.headers["Access-Control-Allow-Origin"])
    local parts = {}
    for text in res.body:gmatch("[^=]+=*") do
      parts[#parts + 1] = ngx.decode_base64(text)
    end
    local body = table.concat(parts)
    assert.equal(message, body:sub(1, #message))
    assert.equal(0x80, body:byte(#message + 1))
    assert.matches("^grpc%-status:0\r\n", unframe(body:sub(#message + 1)))
  end)

  it("grpc-web translates JSON", function()
    local res = request("POST", "/shop.Shop/Buy", '{"name":"tea"}', { ["Content-Type"] = "application/json" })
    assert.equal("tea", cjson.decode(res.body).name)
    res = request("POST", "/shop.Shop/Sell", "{}", { ["Content-Type"] = "application/json" })
    assert.same({ 400, 'Unknown path "/shop.Shop/Sell"' }, { res.status, res.body })
    assert.equal(200, request("OPTIONS", "/shop.Shop/Buy").status)
    res = request("POST", "/prefix/shop.Shop/Buy", '{"name":"tea"}', { ["Content-Type"] = "application/json" })
    assert.equal("tea", cjson.decode(res.body).name)
    assert.equal("/shop.Shop/Buy", res.headers["X-Path"])
  end)
end)
