-- resty.aws as plugins use it, against a server of the spec that plays AWS Lambda.
local cjson = require "cjson"


describe("resty.aws", function()
  local http = require "resty.http"
  local request_uri = http.request_uri
  local seen


  -- http.new() objects reach this function through their class.
  before_each(function()
    http.request_uri = function(_, uri, params)
      seen = { uri = uri, params = params }
      return { status = 200, reason = "OK", headers = { ["Content-Type"] = "application/json" }, body = '{"a":[1]}' }
    end
  end)


  after_each(function()
    http.request_uri = request_uri
  end)


  it("signs and sends an invocation, and decodes the answer", function()
    local aws = require("resty.aws")()
    local lambda = aws:Lambda {
      region = "us-east-1",
      endpoint = "http://127.0.0.1",
      port = 8080,
      credentials = aws:Credentials { accessKeyId = "k", secretAccessKey = "s", sessionToken = "t" },
    }
    local res = assert(lambda:invoke { FunctionName = "f", Payload = { x = 1 }, Qualifier = "v1", InvocationType = "Event" })
    assert.same({ a = { 1 } }, res.body)
    assert.equal("http://127.0.0.1:8080", seen.uri)
    assert.equal("/2015-03-31/functions/f/invocations?Qualifier=v1", seen.params.path)
    assert.same({ x = 1 }, cjson.decode(seen.params.body))
    assert.equal("Event", seen.params.headers["X-Amz-Invocation-Type"])
    assert.equal("t", seen.params.headers["X-Amz-Security-Token"])
    assert.matches("^AWS4%-HMAC%-SHA256 Credential=k/%d+/us%-east%-1/lambda/aws4_request", seen.params.headers["Authorization"])
  end)


  it("says what is missing", function()
    local aws = require("resty.aws")()
    local lambda = aws:Lambda { region = "r", credentials = aws:Credentials { accessKeyId = "k", secretAccessKey = "s" } }
    assert.same({ nil, "invoke: params.FunctionName is required" }, { lambda:invoke {} })
  end)


  it("reads the environment", function()
    assert.is_table(require("resty.aws.config").global)
    assert.equal("regional", require("resty.aws.config").global.sts_regional_endpoints)
  end)
end)
