/* OCSP for ngx.ocsp: a request for a chain's first certificate, the check of an answer, the answer stapled to a handshake. */
#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <string.h>

#include "base/str.h"
#include "ffi/ffi.h"
#include "net/tls.h"

#define SKEW_S 300

/* The two first certificates of a DER chain; 0, or which of them is missing (1, 2). */
static int read_two(const char *der, size_t len, X509 **cert, X509 **issuer)
{
    const unsigned char *p = (const unsigned char *)der;
    *issuer = NULL;
    *cert = d2i_X509(NULL, &p, (long)len);
    if (*cert) *issuer = d2i_X509(NULL, &p, (long)(len - (size_t)(p - (const unsigned char *)der)));
    ERR_clear_error();
    return !*cert ? 1 : !*issuer ? 2 : 0;
}

static int failed(kgw_ffi_str_t *err, const char *text)
{
    put(err, kgw_str_c(text));
    return KGW_ERROR;
}

static const char *missing(int which) { return which == 1 ? "d2i_X509_bio() failed" : "no issuer certificate in chain"; }

/* The URL's length in out, KGW_DECLINED: the certificate names none, KGW_ERROR with a text. */
int kgw_ffi_ocsp_responder(const char *der, size_t len, char *out, size_t max, kgw_ffi_str_t *err)
{
    X509 *cert, *issuer;
    int which = read_two(der, len, &cert, &issuer), rc;
    STACK_OF(OPENSSL_STRING) *urls = which ? NULL : X509_get1_ocsp(cert);
    const char *url = urls ? sk_OPENSSL_STRING_value(urls, 0) : NULL;
    if (which == 0 && X509_check_issued(issuer, cert) != X509_V_OK) {
        rc = failed(err, "issuer certificate not next to leaf");
    } else if (which) {
        rc = failed(err, missing(which));
    } else if (!url) {
        rc = KGW_DECLINED;
    } else {
        size_t n = strlen(url);
        rc = n > max ? failed(err, "the responder's URL is too long") : (int)n;
        if (n <= max) memcpy(out, url, n);
    }
    X509_email_free(urls);
    X509_free(cert);
    X509_free(issuer);
    return rc;
}

/* The request's length in out, KGW_ENOMEM when max is too small, KGW_ERROR with a text. */
int kgw_ffi_ocsp_request(const char *der, size_t len, char *out, size_t max, kgw_ffi_str_t *err)
{
    X509 *cert, *issuer;
    int which = read_two(der, len, &cert, &issuer), rc;
    OCSP_REQUEST *request = which ? NULL : OCSP_REQUEST_new();
    OCSP_CERTID *id = which ? NULL : OCSP_cert_to_id(NULL, cert, issuer);
    if (which) {
        rc = failed(err, missing(which));
    } else if (!request || !id || !OCSP_request_add0_id(request, id)) {
        OCSP_CERTID_free(id);
        rc = failed(err, "OCSP_request_add0_id() failed");
    } else {
        unsigned char *p = (unsigned char *)out;
        int n = i2d_OCSP_REQUEST(request, NULL);
        rc = n <= 0 ? failed(err, "i2d_OCSP_REQUEST() failed") : (size_t)n > max ? KGW_ENOMEM : i2d_OCSP_REQUEST(request, &p);
    }
    OCSP_REQUEST_free(request);
    X509_free(cert);
    X509_free(issuer);
    return rc;
}

static const char *check(OCSP_RESPONSE *response, X509 *cert, X509 *issuer)
{
    if (OCSP_response_status(response) != OCSP_RESPONSE_STATUS_SUCCESSFUL) return "OCSP response not successful";
    OCSP_BASICRESP *basic = OCSP_response_get1_basic(response);
    if (!basic) return "OCSP_response_get1_basic() failed";
    const char *why = NULL;
    X509_STORE *store = X509_STORE_new();
    STACK_OF(X509) *chain = sk_X509_new_null();
    OCSP_CERTID *id = OCSP_cert_to_id(NULL, cert, issuer);
    ASN1_GENERALIZEDTIME *this_update, *next_update;
    int status;
    X509_STORE_add_cert(store, issuer);
    X509_STORE_set_flags(store, X509_V_FLAG_PARTIAL_CHAIN); /* the issuer need not be a root */
    sk_X509_push(chain, issuer);
    if (OCSP_basic_verify(basic, chain, store, OCSP_TRUSTOTHER) <= 0) why = "OCSP_basic_verify() failed";
    else if (OCSP_resp_find_status(basic, id, &status, NULL, NULL, &this_update, &next_update) != 1) why = "certificate status not found in the OCSP response";
    else if (status != V_OCSP_CERTSTATUS_GOOD)
        why = status == V_OCSP_CERTSTATUS_REVOKED ? "certificate status \"revoked\" in the OCSP response" : "certificate status \"unknown\" in the OCSP response";
    else if (OCSP_check_validity(this_update, next_update, SKEW_S, -1) != 1) why = "OCSP_check_validity() failed";
    OCSP_CERTID_free(id);
    sk_X509_free(chain);
    X509_STORE_free(store);
    OCSP_BASICRESP_free(basic);
    ERR_clear_error();
    return why;
}

int kgw_ffi_ocsp_validate(const char *der_response, size_t response_len, const char *der, size_t len, kgw_ffi_str_t *err)
{
    X509 *cert, *issuer;
    const unsigned char *p = (const unsigned char *)der_response;
    OCSP_RESPONSE *response = d2i_OCSP_RESPONSE(NULL, &p, (long)response_len);
    int which = read_two(der, len, &cert, &issuer);
    const char *why = !response ? "d2i_OCSP_RESPONSE() failed" : which ? missing(which) : check(response, cert, issuer);
    OCSP_RESPONSE_free(response);
    X509_free(cert);
    X509_free(issuer);
    ERR_clear_error();
    return why ? failed(err, why) : KGW_OK;
}

/* KGW_DECLINED: the client did not ask for it. */
int kgw_ffi_ocsp_staple(const char *der, size_t len, kgw_ffi_str_t *err)
{
    SSL *ssl = kgw_ffi_ssl_pointer();
    if (!ssl) return failed(err, "bad request");
    if (SSL_get_tlsext_status_type(ssl) == -1) return KGW_DECLINED;
    unsigned char *copy = OPENSSL_memdup(der, len);
    if (!copy || SSL_set_tlsext_status_ocsp_resp(ssl, copy, (long)len) != 1) return failed(err, "SSL_set_tlsext_status_ocsp_resp() failed");
    return KGW_OK;
}
