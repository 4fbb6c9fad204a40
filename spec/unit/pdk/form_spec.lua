local form = require "kong.pdk.private.form"
local multipart = require "kong.pdk.private.multipart"


describe("query strings", function()
  it("are sorted as they look when encoded", function()
    assert.equal("a&arr%5B%5D=p&arr%5B%5D=q&b=&n=5",
                 form.encode_sorted({ n = 5, b = "", a = true, ["arr[]"] = { "p", "q" } }))
  end)

  it("have names that are texts", function()
    assert.same({ nil, "arg keys must be strings" }, { form.encode_sorted({ "x" }) })
  end)

  it("lose every argument of a name, however it was encoded", function()
    assert.equal("b=+x+y&c=", form.remove("a=1&b=%20x+y&%61=2&c", "a"))
    assert.equal("", form.remove("a&a=", "a"))
  end)
end)


describe("a multipart body", function()
  it("uses the boundary of the type", function()
    local text, content_type = multipart.encode({ b = 2, a = "1" }, 'multipart/form-data; boundary="XYZ"')
    assert.equal("multipart/form-data; boundary=XYZ", content_type)
    assert.equal('--XYZ\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n' ..
                 '--XYZ\r\nContent-Disposition: form-data; name="b"\r\n\r\n2\r\n--XYZ--\r\n', text)
  end)

  it("takes another boundary when a value contains it", function()
    local _, content_type = multipart.encode({ a = "x\n--B y" }, "multipart/form-data; boundary=B")
    assert.not_equal("multipart/form-data; boundary=B", content_type)
  end)

  it("holds flat values only", function()
    local text, err = multipart.encode({ a = {} }, "multipart/form-data; boundary=B")
    assert.is_nil(text)
    assert.equal('invalid value "a": got table, expected string, number or boolean', err)
  end)
end)
