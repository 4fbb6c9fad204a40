-- Applications of lapis that answer requests in the access phase of a gateway.
local kgw = require "spec.support.kgw"

local CODE = [[
local lapis = require "lapis"
local application = require "lapis.application"
local app = lapis.Application()
app.layout = false
app:post("form", "/form/:id", application.capture_errors_json(function(self)
  ngx.sleep(0.001)
  application.assert_error(self.params.name, "no name")
  local file = self.params.upload
  return { json = { id = self.params.id, name = self.params.name, q = self.params.q, file = file and file.filename, content = file and file.content } }
end))
app:get("/leave", function() ngx.exit(418) end)
app:get("/back", function(self) self.cookies.seen = "1" return { redirect_to = self:url_for("form", { id = 1 }) } end)
app:post("/json", application.json_params(function(self) return { "got ", self.json.text, status = 202 } end))
app.handle_404 = function(self) return { status = 404, content_type = "text/plain", "no " .. self.req.parsed_url.path } end
return function()
  lapis.serve(app)
  ngx.exit(ngx.status > 0 and ngx.status or 200)
end
]]


describe("lapis in a gateway", function()
  local node


  local function send(text)
    local sock = ngx.socket.tcp()
    sock:settimeout(3000)
    assert(sock:connect("127.0.0.1", node.proxy))
    assert(sock:send(text))
    local answer = sock:receive("*a")
    sock:close()
    local head, body = answer:match("^(.-\r\n)\r\n(.*)$")
    return tonumber(head:match("^HTTP/1%.1 (%d+)")), body, head
  end


  local function post(path, kind, body)
    return send("POST " .. path .. " HTTP/1.0\r\nHost: here.test\r\nContent-Type: " .. kind .. "\r\nContent-Length: " .. #body .. "\r\n\r\n" .. body)
  end


  setup(function()
    local yml = '_format_version: "3.0"\nroutes:\n- name: r\n  paths: [/]\n  plugins:\n  - name: pre-function\n    config:\n      access:\n      - |\n'
      .. CODE:gsub("([^\n]+)", "        %1")
    node = kgw.new({ untrusted_lua = "on" }, yml):start()
  end)


  teardown(kgw.stop_all)


  it("reads forms, files and JSON", function()
    local status, body = post("/form/7?q=2", "application/x-www-form-urlencoded", "name=a%20b")
    assert.equal(200, status)
    assert.same({ id = "7", q = "2", name = "a b" }, require("cjson").decode(body))
    local part = "--b\r\nContent-Disposition: form-data; name="
    status, body = post("/form/7", "multipart/form-data; boundary=b", part .. '"name"\r\n\r\nx\r\n' .. part
      .. '"upload"; filename="f.txt"\r\nContent-Type: text/plain\r\n\r\nin it\r\n--b--\r\n')
    assert.equal(200, status)
    assert.same({ id = "7", name = "x", file = "f.txt", content = "in it" }, require("cjson").decode(body))
    status, body = post("/form/7", "text/plain", "")
    assert.same({ 200, '{"errors":["no name"]}' }, { status, body })
    status, body = post("/json", "application/json", '{"text": "this"}')
    assert.same({ 202, "got this" }, { status, body })
  end)


  it("redirects, sets cookies and leaves", function()
    local status, _, head = node:get("/back")
    assert.equal(302, status)
    assert.matches("Location: http://localhost/form/1\r\n", head, 1, true)
    assert.matches("Set-Cookie: seen=1; Path=/; HttpOnly\r\n", head, 1, true)
    assert.equal(418, (node:get("/leave")))
    local body
    status, body = node:get("/else")
    assert.equal(404, status)
    assert.matches("no /else", body, 1, true)
  end)
end)
