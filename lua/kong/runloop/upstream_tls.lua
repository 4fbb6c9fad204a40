-- TLS towards upstreams: which certificate to show, whether and against what to verify. C keeps one context for each
-- distinct set of options under their key; here the options are put together once per record and scope.
-- Must never read a private key into a key string.
local proxy = require "ngx.proxy"
local state = require "kong.runloop.state"

local concat = table.concat
local md5 = ngx.md5
local null = ngx.null

local tls = {}


local function certificate_of(id)
  if not id or id == null then
    return nil
  end
  return kong.db.certificates:select({ id = id })
end


-- The trusted certificates of a service as one PEM text.
local function ca_bundle(ids)
  local out = {}
  for i = 1, #ids do
    local entity = kong.db.ca_certificates:select({ id = ids[i] })
    if entity then
      out[#out + 1] = entity.cert
    end
  end
  return concat(out, "\n")
end


local function build(rec, upstream)
  local options = { verify = -1, depth = rec.tls_verify_depth or -1, ca = "", cert = "", priv = "" }
  if rec.tls_verify ~= nil then
    options.verify = rec.tls_verify and 1 or 0
  end
  local certificate = rec.client_certificate
  local of_upstream = upstream and upstream.client_certificate
  if not certificate and of_upstream and of_upstream ~= null then
    certificate = of_upstream.id
  end
  local entity = certificate_of(certificate)
  if entity then
    options.cert, options.priv = entity.cert, entity.key
  elseif state.client_cert then
    options.cert, options.priv, certificate = state.client_cert.cert, state.client_cert.key, "default"
  end
  local ids = rec.ca_certificates or {}
  options.ca = ca_bundle(ids)
  -- By content, so that connections outlive configurations that leave these settings as they are.
  options.key = concat({ options.verify, options.depth, certificate or "", md5(options.cert), md5(options.ca) }, "|")
  return options
end


-- Options for a record (and the upstream entity in use): { key, verify, depth, ca, cert, priv }.
function tls.options(rec, try)
  local upstream = try and try.upstream and try.upstream.upstream or nil
  local cached = rec.tls_options
  if not cached or rec.tls_upstream ~= upstream then
    cached = build(rec, upstream)
    rec.tls_options, rec.tls_upstream = cached, upstream
  end
  return cached
end


-- What a plugin set with kong.service.set_tls_*; the key of the result.
local function apply_chosen(options, chosen)
  local verify = options.verify
  if chosen.verify ~= nil then
    verify = chosen.verify and 1 or 0
  end
  local store = chosen.store and chosen.store.ctx or nil
  return proxy.set_tls_objects(options.key, verify, chosen.verify_depth or options.depth, options.ca, options.cert, options.priv,
    chosen.chain, chosen.key, store)
end


-- Tells C. `chosen`: ngx.ctx.upstream_tls or nil. The key that tells connections with these settings apart.
function tls.apply(options, chosen)
  if chosen then
    return apply_chosen(options, chosen)
  end
  proxy.set_tls(options.key, options.verify, options.depth, options.ca, options.cert, options.priv)
  return options.key
end


return tls
