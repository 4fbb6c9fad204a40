-- Libraries that declare OpenSSL's functions themselves share them with the gateway's own declarations: whichever comes
-- first counts, so types and qualifiers must be those that libraries use.
local ffi = require "ffi"


describe("OpenSSL's declarations", function()
  it("go together with those of a library that comes later", function()
    require "kong.db.certs"
    require "resty.openssl.x509"
    ffi.cdef [[
      typedef struct x509_st X509;
      typedef struct asn1_string_st ASN1_TIME;
      X509 *X509_new(void);
      void X509_free(X509 *a);
      ASN1_TIME *X509_get0_notAfter(const X509 *x);
      ASN1_TIME *X509_gmtime_adj(ASN1_TIME *s, long adj);
    ]]
    local x509 = ffi.gc(ffi.C.X509_new(), ffi.C.X509_free)
    local time = ffi.C.X509_get0_notAfter(x509)
    assert.is_true(ffi.C.X509_gmtime_adj(time, 10) ~= nil)
  end)
end)
