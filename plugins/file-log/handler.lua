-- Appends one JSON line per request to a file.
local bit = require "bit"
local cjson = require "cjson"
local custom_fields = require "kong.tools.custom_fields"
local ffi = require "ffi"
local meta = require "kong.meta"
local system = require "lua_system_constants"

local kong = kong
local C = ffi.C

ffi.cdef [[
int open(const char *path, int flags, ...);
ssize_t write(int fd, const void *buf, size_t count);
int close(int fd);
char *strerror(int errnum);
]]


local EINTR = 4
local FLAGS = bit.bor(system.O_WRONLY(), system.O_CREAT(), system.O_APPEND())
local MODE = ffi.new("int", bit.bor(system.S_IRUSR(), system.S_IWUSR(), system.S_IRGRP(), system.S_IROTH()))


local FileLog = {
  PRIORITY = 9,
  VERSION = meta.version,
}


local descriptors = {}


local function open(path, must_reopen)
  local fd = descriptors[path]
  if fd and must_reopen then
    C.close(fd)
    fd, descriptors[path] = nil, nil
  end
  if not fd then
    fd = C.open(path, FLAGS, MODE)
    if fd < 0 then
      return nil, ffi.string(C.strerror(ffi.errno()))
    end
    descriptors[path] = fd
  end
  return fd
end


-- One write for a line: the file is opened for appending, so that lines of several workers do not mix.
local function append(fd, line)
  local from = ffi.cast("const char *", line)
  local left = #line
  while left > 0 do
    local n = tonumber(C.write(fd, from, left))
    if n < 0 then
      local errno = ffi.errno()
      if errno ~= EINTR then
        return nil, ffi.string(C.strerror(errno))
      end
    else
      from, left = from + n, left - n
    end
  end
  return true
end


function FileLog:log(conf)
  custom_fields.set(conf.custom_fields_by_lua)
  local line = cjson.encode(kong.log.serialize()) .. "\n"
  local fd, err = open(conf.path, conf.reopen)
  if not fd then
    kong.log.err("failed to open the file: ", err)
    return
  end
  local ok
  ok, err = append(fd, line)
  if not ok then
    kong.log.err("failed to write to the file: ", err)
  end
end


return FileLog
