-- What machine this is, and where it keeps the certificates it trusts.
local ffi = require "ffi"

local C = ffi.C
local ffi_string = ffi.string

pcall(ffi.cdef, [[
struct kong_utsname { char sysname[65]; char nodename[65]; char release[65]; char version[65]; char machine[65];
                      char domainname[65]; };
int uname(struct kong_utsname *buf);
long sysconf(int name);
]])

local SC_NPROCESSORS_ONLN = 84

local CERTIFICATES = {
  "/etc/ssl/certs/ca-certificates.crt",
  "/etc/pki/tls/certs/ca-bundle.crt",
  "/etc/ssl/ca-bundle.pem",
  "/etc/pki/tls/cacert.pem",
  "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",
  "/etc/ssl/cert.pem",
}

local system = {}


-- { hostname, cores, uname } as far as they can be found out.
function system.get_system_infos()
  local infos = {}
  local cores = tonumber(C.sysconf(SC_NPROCESSORS_ONLN))
  if cores > 0 then
    infos.cores = cores
  end
  local names = ffi.new("struct kong_utsname")
  if C.uname(ffi.cast("void *", names)) == 0 then
    infos.hostname = ffi_string(names.nodename)
    infos.uname = ffi_string(names.sysname) .. " " .. ffi_string(names.machine)
  end
  return infos
end


-- The first bundle that exists | nil, err.
function system.get_system_trusted_certs_filepath()
  for i = 1, #CERTIFICATES do
    local file = io.open(CERTIFICATES[i], "r")
    if file then
      file:close()
      return CERTIFICATES[i]
    end
  end
  return nil, "Could not find trusted certs file in any of the `system`-predefined locations. Please install a certs " ..
              "file there or set `lua_ssl_trusted_certificate` to a specific file path instead of `system`"
end


return system
