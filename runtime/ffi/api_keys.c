/* Self-signed certificates for listeners and for the cluster, made at boot or by the command line. */
#include <fcntl.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/str.h"
#include "ffi/ffi.h"

enum { KIND_RSA_2048, KIND_P_256, KIND_P_384 };

static EVP_PKEY *make_key(int kind)
{
    if (kind == KIND_RSA_2048) return EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)2048);
    return EVP_PKEY_Q_keygen(NULL, NULL, "EC", kind == KIND_P_384 ? "P-384" : "P-256");
}

static bool add_extension(X509 *x, int nid, const char *value)
{
    X509V3_CTX ctx;
    X509V3_set_ctx(&ctx, x, x, NULL, NULL, 0);
    X509_EXTENSION *e = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
    bool ok = e && X509_add_ext(x, e, -1) == 1;
    X509_EXTENSION_free(e);
    return ok;
}

static bool set_serial(X509 *x)
{
    unsigned char bytes[16];
    if (RAND_bytes(bytes, sizeof(bytes)) != 1) return false;
    bytes[0] = (unsigned char)((bytes[0] & 0x7f) | 0x01);
    BIGNUM *n = BN_bin2bn(bytes, sizeof(bytes), NULL);
    bool ok = n && BN_to_ASN1_INTEGER(n, X509_get_serialNumber(x)) != NULL;
    BN_free(n);
    return ok;
}

static X509 *make_cert(EVP_PKEY *key, const char *name, int days)
{
    X509 *x = X509_new();
    if (!x) return NULL;
    X509_NAME *subject = X509_get_subject_name(x);
    bool ok = X509_set_version(x, 2) == 1 && set_serial(x) && X509_gmtime_adj(X509_getm_notBefore(x), 0) && X509_time_adj_ex(X509_getm_notAfter(x), days, 0, NULL) &&
              X509_set_pubkey(x, key) == 1 && X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, (const unsigned char *)name, -1, -1, 0) == 1 &&
              X509_set_issuer_name(x, subject) == 1 && add_extension(x, NID_subject_key_identifier, "hash") && add_extension(x, NID_authority_key_identifier, "keyid:always") &&
              add_extension(x, NID_basic_constraints, "critical,CA:TRUE") && X509_sign(x, key, EVP_sha256()) > 0;
    if (ok) return x;
    X509_free(x);
    return NULL;
}

static size_t text_of(BIO *bio, char *out, size_t max)
{
    char *data;
    long n = BIO_get_mem_data(bio, &data);
    if (n <= 0 || (size_t)n >= max) return 0;
    memcpy(out, data, (size_t)n);
    out[n] = 0;
    return (size_t)n;
}

static char cert_text[8192], key_text[8192];

int kgw_ffi_self_signed(int kind, const char *name, int days, kgw_ffi_str_t *cert, kgw_ffi_str_t *key)
{
    EVP_PKEY *k = make_key(kind);
    X509 *x = k ? make_cert(k, name, days) : NULL;
    BIO *cb = BIO_new(BIO_s_mem()), *kb = BIO_new(BIO_s_mem());
    int rc = KGW_ERROR;
    if (x && cb && kb && PEM_write_bio_X509(cb, x) == 1 && PEM_write_bio_PrivateKey(kb, k, NULL, NULL, 0, NULL, NULL) == 1) {
        size_t cn = text_of(cb, cert_text, sizeof(cert_text)), kn = text_of(kb, key_text, sizeof(key_text));
        put(cert, kgw_str(cert_text, cn));
        put(key, kgw_str(key_text, kn));
        if (cn && kn) rc = KGW_OK;
    }
    BIO_free(cb);
    BIO_free(kb);
    X509_free(x);
    EVP_PKEY_free(k);
    ERR_clear_error();
    return rc;
}

static bool write_new(const char *path, kgw_ffi_str_t text, mode_t mode)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
    if (fd < 0) return false;
    bool ok = write(fd, text.ptr, text.len) == (ssize_t)text.len;
    close(fd);
    return ok;
}

/* Under other names first: nobody sees half a file, and a pair that does not match for a moment only. */
static bool write_pair(const char *cert_path, kgw_ffi_str_t cert, const char *key_path, kgw_ffi_str_t key)
{
    char new_cert[1100], new_key[1100];
    if (snprintf(new_cert, sizeof(new_cert), "%s.new", cert_path) >= (int)sizeof(new_cert)) return false;
    if (snprintf(new_key, sizeof(new_key), "%s.new", key_path) >= (int)sizeof(new_key)) return false;
    return write_new(new_key, key, 0600) && write_new(new_cert, cert, 0644) && rename(new_key, key_path) == 0 && rename(new_cert, cert_path) == 0;
}

static struct {
    char name[64], cert_path[1024], key_path[1024];
    int kind, days;
} jobs[8];
static unsigned job_cnt;

int kgw_ffi_self_signed_later(int kind, const char *name, int days, const char *cert_path, const char *key_path)
{
    if (job_cnt == KGW_ARRAY_LEN(jobs)) return KGW_ERROR;
    jobs[job_cnt].kind = kind;
    jobs[job_cnt].days = days;
    snprintf(jobs[job_cnt].name, sizeof(jobs[0].name), "%s", name);
    snprintf(jobs[job_cnt].cert_path, sizeof(jobs[0].cert_path), "%s", cert_path);
    snprintf(jobs[job_cnt].key_path, sizeof(jobs[0].key_path), "%s", key_path);
    job_cnt++;
    return KGW_OK;
}

void kgw_keys_start(void)
{
    if (!job_cnt) return;
    pid_t parent = getpid();
    fflush(NULL);
    if (fork() != 0) {
        job_cnt = 0;
        return;
    }
    /* It ends with the master and keeps nothing of its open: no stream, no listening socket. */
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    if (getppid() != parent) _exit(1);
    int null = open("/dev/null", O_RDWR);
    for (int fd = 0; null >= 0 && fd < 3; fd++) dup2(null, fd);
    close_range(3, ~0u, 0);
    setpriority(PRIO_PROCESS, 0, 19);
    for (unsigned i = 0; i < job_cnt; i++) {
        kgw_ffi_str_t cert, key;
        if (kgw_ffi_self_signed(jobs[i].kind, jobs[i].name, jobs[i].days, &cert, &key) != KGW_OK) _exit(1);
        if (!write_pair(jobs[i].cert_path, cert, jobs[i].key_path, key)) _exit(1);
    }
    _exit(0);
}
