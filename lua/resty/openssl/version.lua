-- Which libcrypto is in use.
local ffi = require "ffi"
local C = require("resty.openssl.lib").C

local num = tonumber(C.OpenSSL_version_num())

local version = {
  version_num = num,
  version_text = ffi.string(C.OpenSSL_version(0)),

  VERSION = 0,
  CFLAGS = 1,
  BUILT_ON = 2,
  PLATFORM = 3,
  DIR = 4,
  ENGINES_DIR = 5,
  VERSION_STRING = 6,
  FULL_VERSION_STRING = 7,
  MODULES_DIR = 8,
  CPU_INFO = 9,
  INFO_CONFIG_DIR = 1001,
  INFO_ENGINES_DIR = 1002,
  INFO_MODULES_DIR = 1003,
  INFO_DSO_EXTENSION = 1004,
  INFO_DIR_FILENAME_SEPARATOR = 1005,
  INFO_LIST_SEPARATOR = 1006,
  INFO_SEED_SOURCE = 1007,
  INFO_CPU_SETTINGS = 1008,

  OPENSSL_4X = num >= 0x40000000,
  OPENSSL_3X = num >= 0x30000000 and num < 0x40000000,
  OPENSSL_3_UP = num >= 0x30000000,
  OPENSSL_111 = false,
  BORINGSSL = false,
}


function version.version(kind)
  return ffi.string(C.OpenSSL_version(kind or 0))
end


function version.info(kind)
  local text = C.OPENSSL_info(kind)
  return text ~= nil and ffi.string(text) or nil
end


return version
