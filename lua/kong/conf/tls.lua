-- The named cipher suites (Mozilla's recommendations, version 5.7) and what they set.
local INTERMEDIATE = "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256:ECDHE-ECDSA-AES256-GCM-SHA384:"
  .. "ECDHE-RSA-AES256-GCM-SHA384:ECDHE-ECDSA-CHACHA20-POLY1305:ECDHE-RSA-CHACHA20-POLY1305:"
  .. "DHE-RSA-AES128-GCM-SHA256:DHE-RSA-AES256-GCM-SHA384:DHE-RSA-CHACHA20-POLY1305"
local OLD = INTERMEDIATE .. ":ECDHE-ECDSA-AES128-SHA256:ECDHE-RSA-AES128-SHA256:ECDHE-ECDSA-AES128-SHA:"
  .. "ECDHE-RSA-AES128-SHA:ECDHE-ECDSA-AES256-SHA384:ECDHE-RSA-AES256-SHA384:ECDHE-ECDSA-AES256-SHA:"
  .. "ECDHE-RSA-AES256-SHA:DHE-RSA-AES128-SHA256:DHE-RSA-AES256-SHA256:AES128-GCM-SHA256:AES256-GCM-SHA384:"
  .. "AES128-SHA256:AES256-SHA256:AES128-SHA:AES256-SHA:DES-CBC3-SHA"

local SUITES = {
  modern = { protocols = "TLSv1.3", prefer_server_ciphers = "off" },
  intermediate = { protocols = "TLSv1.2 TLSv1.3", ciphers = INTERMEDIATE, dhparam = "ffdhe2048", prefer_server_ciphers = "off" },
  old = { protocols = "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3", ciphers = OLD, prefer_server_ciphers = "on", keeps_dhparam = true },
  fips = { protocols = "TLSv1.2", ciphers = "TLSv1.2+FIPS:kRSA+FIPS:!eNULL:!aNULL", prefer_server_ciphers = "on" },
}


--- Applies conf.ssl_cipher_suite to the ssl_* values of conf. Returns an error text or nil.
local function apply(conf)
  if conf.ssl_cipher_suite == "custom" then
    return nil
  end
  local suite = SUITES[conf.ssl_cipher_suite]
  if not suite then
    return "Undefined cipher suite " .. tostring(conf.ssl_cipher_suite)
  end
  conf.ssl_ciphers = suite.ciphers
  for _, subsystem in ipairs { "http", "stream" } do
    conf["nginx_" .. subsystem .. "_ssl_protocols"] = suite.protocols
    conf["nginx_" .. subsystem .. "_ssl_prefer_server_ciphers"] = suite.prefer_server_ciphers
    if not suite.keeps_dhparam then
      conf["nginx_" .. subsystem .. "_ssl_dhparam"] = suite.dhparam
    end
  end
  if not suite.keeps_dhparam then
    conf.ssl_dhparam = suite.dhparam
  end
end


return { apply = apply }
