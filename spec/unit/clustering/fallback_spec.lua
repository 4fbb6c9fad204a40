local fallback = require "kong.clustering.fallback"
local s3 = require "kong.clustering.s3"


describe("a sealed configuration", function()
  it("opens with the key it was made with", function()
    local sealed = assert(fallback.seal("the configuration", "secret"))
    assert.is_nil(sealed:find("configuration", 1, true))
    assert.equal("the configuration", fallback.open(sealed, "secret"))
  end)

  it("is another one each time", function()
    assert.not_equal(fallback.seal("x", "secret"), fallback.seal("x", "secret"))
  end)

  it("does not open with another key or when it was changed", function()
    local sealed = fallback.seal("the configuration", "secret")
    local _, err = fallback.open(sealed, "other")
    assert.equal("made with another key, or damaged", err)
    for at = 6, #sealed do
      local changed = sealed:sub(1, at - 1) .. string.char((sealed:byte(at) + 1) % 256) .. sealed:sub(at + 1)
      assert.is_nil((fallback.open(changed, "secret")))
    end
    for length = 0, #sealed - 1 do
      assert.is_nil((fallback.open(sealed:sub(1, length), "secret")))
    end
  end)
end)


describe("requests to S3", function()
  it("are signed as AWS's own example is", function()
    local headers = s3.sign({
      method = "GET", host = "examplebucket.s3.amazonaws.com", path = "/test.txt", body = "", region = "us-east-1",
      time = 1369353600,
    }, { id = "AKIAIOSFODNN7EXAMPLE", secret = "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY" })
    assert.equal("20130524T000000Z", headers["x-amz-date"])
    assert.equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", headers["x-amz-content-sha256"])
    assert.matches("^AWS4%-HMAC%-SHA256 Credential=AKIAIOSFODNN7EXAMPLE/20130524/us%-east%-1/s3/aws4_request, ", headers.authorization)
    assert.matches("SignedHeaders=host;x%-amz%-content%-sha256;x%-amz%-date, Signature=%x+$", headers.authorization)
  end)

  it("go to the bucket's host, or to another store's path", function()
    assert.same({ scheme = "https", host = "b.s3.eu-west-1.amazonaws.com", path = "/some/key%20x", region = "eu-west-1" },
                s3.locate("b/some/key x", nil, "eu-west-1"))
    assert.same({ scheme = "http", host = "127.0.0.1:9000", path = "/b/key", region = "eu-west-1" },
                s3.locate("b/key", "http://127.0.0.1:9000", "eu-west-1"))
    local _, err = s3.locate("only-a-bucket", nil, "eu-west-1")
    assert.equal("expected s3://bucket/key, got s3://only-a-bucket", err)
  end)
end)
