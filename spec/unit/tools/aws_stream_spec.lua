describe("kong.tools.aws_stream", function()
  local aws_stream = require "kong.tools.aws_stream"


  local function u32(n)
    return string.char(math.floor(n / 16777216) % 256, math.floor(n / 65536) % 256, math.floor(n / 256) % 256, n % 256)
  end


  local function message(headers, body)
    local prelude = u32(16 + #headers + #body) .. u32(#headers)
    local text = prelude .. u32(ngx.crc32_long(prelude)) .. headers .. body
    return text .. u32(ngx.crc32_long(text))
  end


  local TYPE = "\11:event-type\7\0\5chunk"


  it("takes messages apart", function()
    local stream = aws_stream:new(message(TYPE .. "\2ok\0\1n\4\0\0\1\0", '{"a":1}') .. message("", "second"))
    assert.same({ headers = { [":event-type"] = "chunk", ok = true, n = 256 }, body = '{"a":1}' }, stream:next_message())
    assert.same({ headers = {}, body = "second" }, stream:next_message())
    assert.is_false(stream:next_message())
  end)


  it("reads hexadecimal digits", function()
    local hex = message(TYPE, "x"):gsub(".", function(c) return ("%02x"):format(c:byte()) end)
    assert.equal("x", aws_stream:new(hex, true):next_message().body)
  end)


  it("refuses what is broken", function()
    assert.same({ nil, "cannot parse a chunk less than 16 bytes long" }, { aws_stream:new("short") })
    local good = message(TYPE, "body")
    for at = 1, #good do
      local bad = good:sub(1, at - 1) .. string.char((good:byte(at) + 1) % 256) .. good:sub(at + 1)
      local found, err = aws_stream:new(bad):next_message()
      assert.is_nil(found)
      assert.is_string(err)
    end
    assert.same({ nil, "headers are malformed" }, { aws_stream:new(message("\200abc", "")):next_message() })
  end)
end)
