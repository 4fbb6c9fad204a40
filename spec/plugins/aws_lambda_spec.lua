-- aws-lambda against a node that plays AWS, and the signatures of its requests.
local cjson = require "cjson.safe"
local kgw = require "spec.support.kgw"
local signature = require "kong.tools.aws.signature"


local AWS = [[
_format_version: "3.0"
routes:
- name: lambda
  paths: [/2015-03-31/functions]
  plugins:
  - name: pre-function
    config:
      access:
      - |
        local path, headers = kong.request.get_path(), kong.request.get_headers()
        if path:find("/broken/") then
          kong.response.exit(404, { Message = "no such function" })
        elseif path:find("/told/") then
          local answer = { statusCode = 201, headers = { ["X-From"] = "lambda" }, body = "aGk=", isBase64Encoded = true }
          kong.response.exit(200, answer)
        elseif path:find("/failing/") then
          kong.response.exit(200, { errorMessage = "x" }, { ["X-Amz-Function-Error"] = "Unhandled" })
        end
        kong.response.exit(200, {
          payload = require("cjson").decode(kong.request.get_raw_body()), list = {}, path = kong.request.get_path_with_query(),
          kind = headers["x-amz-invocation-type"], signed = headers["authorization"],
        })
]]

local FUNCTION = [[
  - name: ${NAME}
    paths: [/${NAME}]
    plugins:
    - name: aws-lambda
      config:
        aws_key: KEY
        aws_secret: SECRET
        aws_region: eu-west-1
        host: 127.0.0.1
        port: ${UP}
        disable_https: true
        function_name: ${NAME}
        ${MORE}
]]


local function gateway(port)
  local function route(name, more)
    return (FUNCTION:gsub("${NAME}", name):gsub("${MORE}", more or ""))
  end
  local parts = {
    '_format_version: "3.0"\nservices:\n- name: s\n  url: http://127.0.0.1:1\n  routes:\n', route("plain"),
    route("parts", "forward_request_method: true\n        forward_request_body: true\n        qualifier: v1"),
    route("told", "is_proxy_integration: true"), route("failing", "unhandled_status: 502"), route("broken"),
    route("compatible", "awsgateway_compatible: true"),
  }
  return (table.concat(parts):gsub("${UP}", port))
end


describe("aws-lambda", function()
  local node

  setup(function()
    local aws = kgw.new({ untrusted_lua = "on" }, AWS):start()
    node = kgw.new({}, gateway(aws.proxy)):start()
  end)

  teardown(kgw.stop_all)

  local function request(path, body)
    local http = require("resty.http").new()
    local res = assert(http:request_uri("http://127.0.0.1:" .. node.proxy .. path, {
      method = body and "POST" or "GET",
      headers = { ["Content-Type"] = body and "application/json" },
      body = body,
    }))
    return res.status, cjson.decode(res.body) or res.body, res.headers
  end

  it("calls the function with query and body", function()
    local status, body, headers = request("/plain?a=1", '{"b":2}')
    assert.equal(200, status)
    assert.same({ a = "1", b = 2 }, body.payload)
    assert.equal("/2015-03-31/functions/plain/invocations", body.path)
    assert.equal("RequestResponse", body.kind)
    assert.matches("AWS4%-HMAC%-SHA256 Credential=KEY/%d+/eu%-west%-1/lambda/aws4_request", body.signed)
    assert.same({}, body.list)
    assert.matches("kong", headers["Via"])
  end)

  it("forwards the parts it is told to", function()
    local _, body = request("/parts", '{"b":2}')
    assert.same({
      request_method = "POST",
      request_body = '{"b":2}',
      request_body_args = { b = 2 },
    }, body.payload)
    assert.equal("/2015-03-31/functions/parts/invocations?Qualifier=v1", body.path)
  end)

  it("describes requests as Amazon's gateway does", function()
    local _, body = request("/compatible?x=1&x=2")
    local payload = body.payload
    assert.equal("GET", payload.httpMethod)
    assert.equal("/compatible", payload.resource)
    assert.same({ x = "1" }, payload.queryStringParameters)
    assert.same({ x = { "1", "2" } }, payload.multiValueQueryStringParameters)
    assert.equal("127.0.0.1", payload.requestContext.identity.sourceIp)
  end)

  it("answers as the function says", function()
    local status, body, headers = request("/told")
    assert.same({ 201, "hi", "lambda" }, { status, body, headers["X-From"] })
    assert.equal(502, (request("/failing")))
    assert.equal(500, (request("/broken")))
  end)
end)


describe("credentials for AWS", function()
  local client = require "kong.tools.aws.client"
  local ROLE_ANSWER = [[
    kong.response.exit(200, "<Credentials><AccessKeyId>" .. kong.request.get_query_arg("Action") .. "</AccessKeyId><SecretAccessKey>s"
      .. "</SecretAccessKey><SessionToken>" .. kong.request.get_query_arg("RoleArn") .. "</SessionToken>"
      .. "<Expiration>2099-01-01T00:00:00Z</Expiration></Credentials>")]]
  local url

  setup(function()
    local yml = '_format_version: "3.0"\nroutes:\n- name: r\n  paths: [/]\n  plugins:\n  - name: pre-function\n    config:\n'
                .. "      access:\n      - |\n" .. ROLE_ANSWER:gsub("[^\n]+", "        %0")
    url = "http://127.0.0.1:" .. kgw.new({}, yml):start().proxy
  end)

  teardown(kgw.stop_all)

  it("are those of the role they take on", function()
    local found = assert(client.credentials({
      key = "a", secret = "b", role = "arn:r", session_name = "x", sts_url = url, region = "r", timeout = 1000,
    }))
    assert.same({ "AssumeRole", "s", "arn:r", 4070908800 }, { found.key, found.secret, found.token, found.ends_at })
  end)

  it("are those of a web identity", function()
    local path = os.tmpname()
    local file = io.open(path, "w")
    file:write("jwt")
    file:close()
    local getenv = os.getenv
    local variables = { AWS_WEB_IDENTITY_TOKEN_FILE = path, AWS_ROLE_ARN = "arn:w" }
    package.loaded["kong.tools.aws.client"] = nil
    os.getenv = function(name) -- luacheck: ignore
      return variables[name]
    end
    local found = assert(require("kong.tools.aws.client").credentials({ sts_url = url, region = "r", timeout = 1000 }))
    os.getenv = getenv -- luacheck: ignore
    package.loaded["kong.tools.aws.client"] = client
    os.remove(path)
    assert.same({ "AssumeRoleWithWebIdentity", "arn:w" }, { found.key, found.token })
  end)
end)


describe("a signature for AWS", function()
  it("is the one of Amazon's example", function()
    local headers = signature.sign({
      method = "GET",
      path = "/",
      query = signature.query({ Action = "ListUsers", Version = "2010-05-08" }),
      headers = { Host = "iam.amazonaws.com", ["Content-Type"] = "application/x-www-form-urlencoded; charset=utf-8" },
    }, { key = "AKIDEXAMPLE", secret = "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY" }, "iam", "us-east-1", 1440938160)
    assert.equal("20150830T123600Z", headers["X-Amz-Date"])
    assert.equal("AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/iam/aws4_request, "
                 .. "SignedHeaders=content-type;host;x-amz-date, "
                 .. "Signature=5d672d79c15b13162d9279b0855cfba6789a8edb4c82c400e06b5924a6f2b5d7", headers["Authorization"])
  end)
end)
