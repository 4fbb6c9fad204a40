-- Declarations of libcrypto (OpenSSL 3) and the few helpers that all of resty.openssl needs.
-- Used by resty.openssl.* only. Names structs as `struct x_st` and declares no typedef, so that other modules
-- may declare the same functions. Must never keep an object: owners are ffi.gc'd cdata.
local ffi = require "ffi"

local lib = {}

ffi.cdef [[
struct ossl_param_st { const char *key; unsigned int data_type; void *data; size_t data_size; size_t return_size; };

unsigned long ERR_peek_last_error(void);
unsigned long ERR_get_error_all(const char **file, int *line, const char **func, const char **data, int *flags);
void ERR_clear_error(void);
const char *ERR_lib_error_string(unsigned long e);
const char *ERR_reason_error_string(unsigned long e);
void CRYPTO_free(void *ptr, const char *file, int line);
const char *OpenSSL_version(int type);
unsigned long OpenSSL_version_num(void);
const char *OPENSSL_info(int type);
int RAND_bytes(unsigned char *buf, int num);
int RAND_priv_bytes(unsigned char *buf, int num);
void *OSSL_PROVIDER_load(void *ctx, const char *name);
int OSSL_PROVIDER_unload(void *prov);
int OSSL_PROVIDER_available(void *ctx, const char *name);

struct bio_st *BIO_new_mem_buf(const void *buf, int len);
const void *BIO_s_mem(void);
struct bio_st *BIO_new(const void *type);
int BIO_free(struct bio_st *a);
long BIO_ctrl(struct bio_st *bp, int cmd, long larg, void *parg);

struct bignum_st *BN_new(void);
void BN_free(struct bignum_st *a);
struct bignum_st *BN_dup(const struct bignum_st *a);
struct bignum_st *BN_copy(struct bignum_st *to, const struct bignum_st *from);
int BN_num_bits(const struct bignum_st *a);
int BN_set_word(struct bignum_st *a, unsigned long w);
int BN_is_zero(const struct bignum_st *a);
int BN_is_one(const struct bignum_st *a);
int BN_is_odd(const struct bignum_st *a);
int BN_is_word(const struct bignum_st *a, unsigned long w);
int BN_is_negative(const struct bignum_st *a);
void BN_set_negative(struct bignum_st *a, int n);
unsigned long BN_get_word(const struct bignum_st *a);
struct bignum_st *BN_bin2bn(const unsigned char *s, int len, struct bignum_st *ret);
int BN_bn2binpad(const struct bignum_st *a, unsigned char *to, int tolen);
struct bignum_st *BN_mpi2bn(const unsigned char *s, int len, struct bignum_st *ret);
int BN_bn2mpi(const struct bignum_st *a, unsigned char *to);
int BN_hex2bn(struct bignum_st **a, const char *str);
int BN_dec2bn(struct bignum_st **a, const char *str);
char *BN_bn2hex(const struct bignum_st *a);
char *BN_bn2dec(const struct bignum_st *a);
int BN_cmp(const struct bignum_st *a, const struct bignum_st *b);
struct bignum_ctx *BN_CTX_new(void);
void BN_CTX_free(struct bignum_ctx *c);
int BN_add(struct bignum_st *r, const struct bignum_st *a, const struct bignum_st *b);
int BN_sub(struct bignum_st *r, const struct bignum_st *a, const struct bignum_st *b);
int BN_mul(struct bignum_st *r, const struct bignum_st *a, const struct bignum_st *b, struct bignum_ctx *c);
int BN_div(struct bignum_st *q, struct bignum_st *r, const struct bignum_st *a, const struct bignum_st *b,
    struct bignum_ctx *c);
int BN_exp(struct bignum_st *r, const struct bignum_st *a, const struct bignum_st *b, struct bignum_ctx *c);
int BN_gcd(struct bignum_st *r, const struct bignum_st *a, const struct bignum_st *b, struct bignum_ctx *c);
int BN_nnmod(struct bignum_st *r, const struct bignum_st *a, const struct bignum_st *m, struct bignum_ctx *c);
int BN_sqr(struct bignum_st *r, const struct bignum_st *a, struct bignum_ctx *c);
int BN_mod_add(struct bignum_st *r, const struct bignum_st *a, const struct bignum_st *b, const struct bignum_st *m,
    struct bignum_ctx *c);
int BN_mod_sub(struct bignum_st *r, const struct bignum_st *a, const struct bignum_st *b, const struct bignum_st *m,
    struct bignum_ctx *c);
int BN_mod_mul(struct bignum_st *r, const struct bignum_st *a, const struct bignum_st *b, const struct bignum_st *m,
    struct bignum_ctx *c);
int BN_mod_exp(struct bignum_st *r, const struct bignum_st *a, const struct bignum_st *b, const struct bignum_st *m,
    struct bignum_ctx *c);
int BN_mod_sqr(struct bignum_st *r, const struct bignum_st *a, const struct bignum_st *m, struct bignum_ctx *c);
int BN_lshift(struct bignum_st *r, const struct bignum_st *a, int n);
int BN_rshift(struct bignum_st *r, const struct bignum_st *a, int n);
int BN_check_prime(const struct bignum_st *p, struct bignum_ctx *c, void *cb);
int BN_generate_prime_ex(struct bignum_st *r, int bits, int safe, const struct bignum_st *add,
    const struct bignum_st *rem, void *cb);

struct asn1_object_st *OBJ_txt2obj(const char *s, int no_name);
struct asn1_object_st *OBJ_nid2obj(int n);
int OBJ_obj2nid(const struct asn1_object_st *o);
int OBJ_txt2nid(const char *s);
const char *OBJ_nid2sn(int n);
const char *OBJ_nid2ln(int n);
int OBJ_obj2txt(char *buf, int len, const struct asn1_object_st *o, int no_name);
int OBJ_find_sigid_algs(int signid, int *pdig_nid, int *ppkey_nid);
int OBJ_create(const char *oid, const char *sn, const char *ln);
void ASN1_OBJECT_free(struct asn1_object_st *a);

struct asn1_string_st *ASN1_STRING_type_new(int type);
void ASN1_STRING_free(struct asn1_string_st *a);
int ASN1_STRING_set(struct asn1_string_st *str, const void *data, int len);
int ASN1_STRING_length(const struct asn1_string_st *x);
const unsigned char *ASN1_STRING_get0_data(const struct asn1_string_st *x);
int ASN1_STRING_print(struct bio_st *bp, const struct asn1_string_st *v);
int ASN1_STRING_to_UTF8(unsigned char **out, const struct asn1_string_st *in);
struct bignum_st *ASN1_INTEGER_to_BN(const struct asn1_string_st *ai, struct bignum_st *bn);
struct asn1_string_st *BN_to_ASN1_INTEGER(const struct bignum_st *bn, struct asn1_string_st *ai);
struct asn1_string_st *ASN1_TIME_set(struct asn1_string_st *s, long t);
struct asn1_string_st *ASN1_TIME_new(void);
void ASN1_TIME_free(struct asn1_string_st *s);
int ASN1_TIME_diff(int *pday, int *psec, const struct asn1_string_st *from, const struct asn1_string_st *to);

const struct evp_md_st *EVP_get_digestbyname(const char *name);
const struct evp_md_st *EVP_md_null(void);
int EVP_MD_get_size(const struct evp_md_st *md);
struct evp_md_ctx_st *EVP_MD_CTX_new(void);
void EVP_MD_CTX_free(struct evp_md_ctx_st *ctx);
int EVP_MD_CTX_copy_ex(struct evp_md_ctx_st *out, const struct evp_md_ctx_st *in);
int EVP_DigestInit_ex(struct evp_md_ctx_st *ctx, const struct evp_md_st *type, void *impl);
int EVP_DigestUpdate(struct evp_md_ctx_st *ctx, const void *d, size_t cnt);
int EVP_DigestFinal_ex(struct evp_md_ctx_st *ctx, unsigned char *md, unsigned int *s);
int EVP_Digest(const void *data, size_t count, unsigned char *md, unsigned int *size, const struct evp_md_st *type,
    void *impl);
int EVP_DigestSignInit(struct evp_md_ctx_st *ctx, struct evp_pkey_ctx_st **pctx, const struct evp_md_st *type,
    void *e, struct evp_pkey_st *pkey);
int EVP_DigestSign(struct evp_md_ctx_st *ctx, unsigned char *sig, size_t *siglen, const unsigned char *tbs,
    size_t tbslen);
int EVP_DigestVerifyInit(struct evp_md_ctx_st *ctx, struct evp_pkey_ctx_st **pctx, const struct evp_md_st *type,
    void *e, struct evp_pkey_st *pkey);
int EVP_DigestVerify(struct evp_md_ctx_st *ctx, const unsigned char *sig, size_t siglen, const unsigned char *tbs,
    size_t tbslen);

struct evp_mac_st *EVP_MAC_fetch(void *libctx, const char *algorithm, const char *properties);
void EVP_MAC_free(struct evp_mac_st *mac);
struct evp_mac_ctx_st *EVP_MAC_CTX_new(struct evp_mac_st *mac);
void EVP_MAC_CTX_free(struct evp_mac_ctx_st *ctx);
size_t EVP_MAC_CTX_get_mac_size(struct evp_mac_ctx_st *ctx);
int EVP_MAC_init(struct evp_mac_ctx_st *ctx, const unsigned char *key, size_t keylen,
    const struct ossl_param_st *params);
int EVP_MAC_update(struct evp_mac_ctx_st *ctx, const unsigned char *data, size_t datalen);
int EVP_MAC_final(struct evp_mac_ctx_st *ctx, unsigned char *out, size_t *outl, size_t outsize);

struct evp_kdf_st *EVP_KDF_fetch(void *libctx, const char *algorithm, const char *properties);
void EVP_KDF_free(struct evp_kdf_st *kdf);
struct evp_kdf_ctx_st *EVP_KDF_CTX_new(struct evp_kdf_st *kdf);
void EVP_KDF_CTX_free(struct evp_kdf_ctx_st *ctx);
void EVP_KDF_CTX_reset(struct evp_kdf_ctx_st *ctx);
size_t EVP_KDF_CTX_get_kdf_size(struct evp_kdf_ctx_st *ctx);
int EVP_KDF_CTX_set_params(struct evp_kdf_ctx_st *ctx, const struct ossl_param_st *params);
int EVP_KDF_derive(struct evp_kdf_ctx_st *ctx, unsigned char *key, size_t keylen, const struct ossl_param_st *params);
const struct ossl_param_st *EVP_KDF_settable_ctx_params(const struct evp_kdf_st *kdf);

const struct evp_cipher_st *EVP_get_cipherbyname(const char *name);
int EVP_CIPHER_get_key_length(const struct evp_cipher_st *c);
int EVP_CIPHER_get_iv_length(const struct evp_cipher_st *c);
int EVP_CIPHER_get_block_size(const struct evp_cipher_st *c);
unsigned long EVP_CIPHER_get_flags(const struct evp_cipher_st *c);
struct evp_cipher_ctx_st *EVP_CIPHER_CTX_new(void);
void EVP_CIPHER_CTX_free(struct evp_cipher_ctx_st *c);
int EVP_CIPHER_CTX_reset(struct evp_cipher_ctx_st *c);
int EVP_CIPHER_CTX_set_padding(struct evp_cipher_ctx_st *c, int pad);
int EVP_CIPHER_CTX_ctrl(struct evp_cipher_ctx_st *ctx, int type, int arg, void *ptr);
int EVP_CipherInit_ex(struct evp_cipher_ctx_st *ctx, const struct evp_cipher_st *c, void *impl,
    const unsigned char *key, const unsigned char *iv, int enc);
int EVP_CipherUpdate(struct evp_cipher_ctx_st *ctx, unsigned char *out, int *outl, const unsigned char *in, int inl);
int EVP_CipherFinal_ex(struct evp_cipher_ctx_st *ctx, unsigned char *outm, int *outl);
int EVP_BytesToKey(const struct evp_cipher_st *type, const struct evp_md_st *md, const unsigned char *salt,
    const unsigned char *data, int datal, int count, unsigned char *key, unsigned char *iv);

void EVP_PKEY_free(struct evp_pkey_st *pkey);
int EVP_PKEY_up_ref(struct evp_pkey_st *pkey);
int EVP_PKEY_get_base_id(const struct evp_pkey_st *pkey);
int EVP_PKEY_get_bits(const struct evp_pkey_st *pkey);
int EVP_PKEY_get_size(const struct evp_pkey_st *pkey);
int EVP_PKEY_get_default_digest_nid(struct evp_pkey_st *pkey, int *pnid);
int EVP_PKEY_get_bn_param(const struct evp_pkey_st *pkey, const char *key_name, struct bignum_st **bn);
int EVP_PKEY_get_octet_string_param(const struct evp_pkey_st *pkey, const char *key_name, unsigned char *buf,
    size_t max, size_t *out_len);
int EVP_PKEY_get_utf8_string_param(const struct evp_pkey_st *pkey, const char *key_name, char *str, size_t max,
    size_t *out_len);
struct evp_pkey_ctx_st *EVP_PKEY_CTX_new(struct evp_pkey_st *pkey, void *e);
struct evp_pkey_ctx_st *EVP_PKEY_CTX_new_from_name(void *libctx, const char *name, const char *propquery);
void EVP_PKEY_CTX_free(struct evp_pkey_ctx_st *ctx);
int EVP_PKEY_CTX_ctrl_str(struct evp_pkey_ctx_st *ctx, const char *type, const char *value);
int EVP_PKEY_CTX_set_params(struct evp_pkey_ctx_st *ctx, const struct ossl_param_st *params);
int EVP_PKEY_CTX_set_rsa_padding(struct evp_pkey_ctx_st *ctx, int pad_mode);
int EVP_PKEY_CTX_set_rsa_pss_saltlen(struct evp_pkey_ctx_st *ctx, int saltlen);
int EVP_PKEY_CTX_set_rsa_mgf1_md(struct evp_pkey_ctx_st *ctx, const struct evp_md_st *md);
int EVP_PKEY_CTX_set_rsa_oaep_md(struct evp_pkey_ctx_st *ctx, const struct evp_md_st *md);
int EVP_PKEY_CTX_set_signature_md(struct evp_pkey_ctx_st *ctx, const struct evp_md_st *md);
int EVP_PKEY_keygen_init(struct evp_pkey_ctx_st *ctx);
int EVP_PKEY_keygen(struct evp_pkey_ctx_st *ctx, struct evp_pkey_st **ppkey);
int EVP_PKEY_paramgen_init(struct evp_pkey_ctx_st *ctx);
int EVP_PKEY_paramgen(struct evp_pkey_ctx_st *ctx, struct evp_pkey_st **ppkey);
int EVP_PKEY_fromdata_init(struct evp_pkey_ctx_st *ctx);
int EVP_PKEY_fromdata(struct evp_pkey_ctx_st *ctx, struct evp_pkey_st **ppkey, int selection,
    struct ossl_param_st *param);
int EVP_PKEY_sign_init(struct evp_pkey_ctx_st *ctx);
int EVP_PKEY_sign(struct evp_pkey_ctx_st *ctx, unsigned char *sig, size_t *siglen, const unsigned char *tbs,
    size_t tbslen);
int EVP_PKEY_verify_init(struct evp_pkey_ctx_st *ctx);
int EVP_PKEY_verify(struct evp_pkey_ctx_st *ctx, const unsigned char *sig, size_t siglen, const unsigned char *tbs,
    size_t tbslen);
int EVP_PKEY_verify_recover_init(struct evp_pkey_ctx_st *ctx);
int EVP_PKEY_verify_recover(struct evp_pkey_ctx_st *ctx, unsigned char *rout, size_t *routlen,
    const unsigned char *sig, size_t siglen);
int EVP_PKEY_encrypt_init(struct evp_pkey_ctx_st *ctx);
int EVP_PKEY_encrypt(struct evp_pkey_ctx_st *ctx, unsigned char *out, size_t *outlen, const unsigned char *in,
    size_t inlen);
int EVP_PKEY_decrypt_init(struct evp_pkey_ctx_st *ctx);
int EVP_PKEY_decrypt(struct evp_pkey_ctx_st *ctx, unsigned char *out, size_t *outlen, const unsigned char *in,
    size_t inlen);
int EVP_PKEY_derive_init(struct evp_pkey_ctx_st *ctx);
int EVP_PKEY_derive_set_peer(struct evp_pkey_ctx_st *ctx, struct evp_pkey_st *peer);
int EVP_PKEY_derive(struct evp_pkey_ctx_st *ctx, unsigned char *key, size_t *keylen);
struct ossl_param_bld_st *OSSL_PARAM_BLD_new(void);
void OSSL_PARAM_BLD_free(struct ossl_param_bld_st *bld);
int OSSL_PARAM_BLD_push_BN(struct ossl_param_bld_st *bld, const char *key, const struct bignum_st *bn);
int OSSL_PARAM_BLD_push_utf8_string(struct ossl_param_bld_st *bld, const char *key, const char *buf, size_t bsize);
int OSSL_PARAM_BLD_push_octet_string(struct ossl_param_bld_st *bld, const char *key, const void *buf, size_t bsize);
int OSSL_PARAM_BLD_push_uint(struct ossl_param_bld_st *bld, const char *key, unsigned int val);
struct ossl_param_st *OSSL_PARAM_BLD_to_param(struct ossl_param_bld_st *bld);
void OSSL_PARAM_free(struct ossl_param_st *params);

struct ECDSA_SIG_st *ECDSA_SIG_new(void);
void ECDSA_SIG_free(struct ECDSA_SIG_st *sig);
void ECDSA_SIG_get0(const struct ECDSA_SIG_st *sig, const struct bignum_st **pr, const struct bignum_st **ps);
int ECDSA_SIG_set0(struct ECDSA_SIG_st *sig, struct bignum_st *r, struct bignum_st *s);
struct ECDSA_SIG_st *d2i_ECDSA_SIG(struct ECDSA_SIG_st **sig, const unsigned char **pp, long len);
int i2d_ECDSA_SIG(const struct ECDSA_SIG_st *sig, unsigned char **pp);

struct evp_pkey_st *PEM_read_bio_PrivateKey(struct bio_st *bp, struct evp_pkey_st **x, void *cb, void *u);
struct evp_pkey_st *PEM_read_bio_PUBKEY(struct bio_st *bp, struct evp_pkey_st **x, void *cb, void *u);
struct rsa_st *PEM_read_bio_RSAPublicKey(struct bio_st *bp, struct rsa_st **x, void *cb, void *u);
struct evp_pkey_st *EVP_PKEY_new(void);
int EVP_PKEY_set1_RSA(struct evp_pkey_st *pkey, struct rsa_st *key);
void RSA_free(struct rsa_st *r);
struct evp_pkey_st *d2i_PrivateKey_bio(struct bio_st *bp, struct evp_pkey_st **a);
struct evp_pkey_st *d2i_PUBKEY_bio(struct bio_st *bp, struct evp_pkey_st **a);
int PEM_write_bio_PrivateKey(struct bio_st *bp, const struct evp_pkey_st *x, const void *enc,
    const unsigned char *kstr, int klen, void *cb, void *u);
int PEM_write_bio_PrivateKey_traditional(struct bio_st *bp, const struct evp_pkey_st *x, const void *enc,
    const unsigned char *kstr, int klen, void *cb, void *u);
int PEM_write_bio_PUBKEY(struct bio_st *bp, const struct evp_pkey_st *x);
int PEM_write_bio_Parameters(struct bio_st *bp, const struct evp_pkey_st *x);
struct evp_pkey_st *PEM_read_bio_Parameters(struct bio_st *bp, struct evp_pkey_st **x);
int i2d_PrivateKey_bio(struct bio_st *bp, const struct evp_pkey_st *pkey);
int i2d_PUBKEY_bio(struct bio_st *bp, const struct evp_pkey_st *pkey);
]]


-- The runtime is linked with libcrypto; a plain LuaJIT has to load it.
local crypto = ffi.C
if not pcall(function()
  return crypto.EVP_MAC_fetch
end) then
  crypto = ffi.load("libcrypto.so.3")
end

lib.C = crypto

local BIO_CTRL_INFO = 3


-- Calls writer(bio, ...) on a memory BIO and returns what it wrote, or nil when it did not answer 1.
function lib.written(writer, ...)
  local bio = crypto.BIO_new(crypto.BIO_s_mem())
  if bio == nil then
    return nil
  end
  if writer(bio, ...) ~= 1 then
    crypto.BIO_free(bio)
    return nil
  end
  local at = ffi.new("char *[1]")
  local len = crypto.BIO_ctrl(bio, BIO_CTRL_INFO, 0, at)
  local text = ffi.string(at[0], tonumber(len))
  crypto.BIO_free(bio)
  return text
end


-- Calls reader(bio, ...) on a BIO over `text`; returns its pointer with the finaliser `free`, or nil.
function lib.read(text, free, reader, ...)
  local bio = crypto.BIO_new_mem_buf(text, #text)
  if bio == nil then
    return nil
  end
  local object = reader(bio, ...)
  crypto.BIO_free(bio)
  if object == nil then
    return nil
  end
  return ffi.gc(object, free)
end


-- Text that libcrypto allocated; frees it.
function lib.take_string(ptr)
  local text = ffi.string(ptr)
  crypto.CRYPTO_free(ptr, "", 0)
  return text
end


-- True for a table made by one of our classes.
function lib.istype(object, class)
  return type(object) == "table" and getmetatable(object) == class
end


return lib
