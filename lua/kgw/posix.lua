-- The few system calls that boot and command line need: files, processes, environment. No state but errno.
local ffi = require "ffi"

local C = ffi.C

ffi.cdef [[
int access(const char *path, int mode);
int mkdir(const char *path, unsigned mode);
int chmod(const char *path, unsigned mode);
int unlink(const char *path);
int kill(int pid, int sig);
int getpid(void);
int setenv(const char *name, const char *value, int overwrite);
int usleep(unsigned usec);
int isatty(int fd);
int open(const char *path, int flags, ...);
int close(int fd);
ssize_t write(int fd, const void *buf, size_t n);
char *getcwd(char *buf, size_t size);
char *strerror(int errnum);
int gethostname(char *name, size_t len);
int getpgid(int pid);
unsigned umask(unsigned mask);
extern char **environ;
]]

local O_WRONLY, O_CREAT, O_EXCL, O_TRUNC, O_CLOEXEC = 1, 64, 128, 512, 524288
local O_DIRECTORY = ffi.abi("le") and (jit.arch == "arm64" or jit.arch == "arm") and 0x4000 or 0x10000
local F_OK, W_OK = 0, 2
local ESRCH, EEXIST = 3, 17

local posix = {
  SIGHUP = 1, SIGINT = 2, SIGQUIT = 3, SIGKILL = 9, SIGUSR1 = 10, SIGTERM = 15,
}


local function failure()
  return ffi.string(C.strerror(ffi.errno()))
end


function posix.exists(path)
  return C.access(path, F_OK) == 0
end


function posix.is_writable(path)
  return C.access(path, W_OK) == 0
end


function posix.is_dir(path)
  local fd = C.open(path, O_DIRECTORY + O_CLOEXEC)
  if fd < 0 then
    return false
  end
  C.close(fd)
  return true
end


--- Makes one folder. true, or nil, text.
function posix.mkdir(path, mode)
  if C.mkdir(path, mode or 493) == 0 or ffi.errno() == EEXIST then
    return true
  end
  return nil, failure()
end


--- Makes a folder and those above it.
function posix.mkdirs(path)
  if posix.is_dir(path) then
    return true
  end
  local parent = path:match("^(.*)/[^/]+/*$")
  if parent and parent ~= "" then
    local ok, err = posix.mkdirs(parent)
    if not ok then
      return nil, err
    end
  end
  return posix.mkdir(path)
end


--- Writes a whole file with these permissions, whatever the umask. true, or nil, text.
function posix.write_file(path, text, mode, must_be_new)
  local fd = C.open(path, O_WRONLY + O_CREAT + O_CLOEXEC + (must_be_new and O_EXCL or O_TRUNC), ffi.cast("int", mode or 420))
  if fd < 0 then
    return nil, path .. ": " .. failure()
  end
  local done = C.write(fd, text, #text)
  local err = failure()
  C.close(fd)
  if done ~= #text then
    return nil, path .. ": " .. err
  end
  C.chmod(path, mode or 420)
  return true
end


function posix.read_file(path)
  local file, err = io.open(path, "r")
  if not file then
    return nil, err
  end
  local text
  text, err = file:read("*a")
  file:close()
  return text, err
end


function posix.unlink(path)
  return C.unlink(path) == 0
end


--- Sends a signal; 0 asks whether the process is there.
function posix.kill(pid, signal)
  if C.kill(pid, signal) == 0 then
    return true
  end
  return nil, failure(), ffi.errno() == ESRCH
end


--- Whether a process has ended: gone, or a zombie that nobody has fetched yet.
function posix.has_ended(pid)
  local _, _, is_gone = posix.kill(pid, 0)
  if is_gone then
    return true
  end
  local stat = posix.read_file("/proc/" .. pid .. "/stat")
  return stat ~= nil and stat:match("^%d+ %(.*%) (%a)") == "Z"
end


function posix.getpid()
  return C.getpid()
end


function posix.setenv(name, value)
  C.setenv(name, value, 1)
end


function posix.sleep_ms(ms)
  C.usleep(ms * 1000)
end


function posix.isatty(fd)
  return C.isatty(fd) == 1
end


--- The environment as name -> value.
function posix.environment()
  local out, at = {}, 0
  while C.environ[at] ~= nil do
    local name, value = ffi.string(C.environ[at]):match("^([^=]+)=(.*)$")
    if name then
      out[name] = value
    end
    at = at + 1
  end
  return out
end


--- An absolute path without "." and doubled slashes; "..", which a link may change, stays.
function posix.absolute(path)
  if path:sub(1, 1) ~= "/" then
    local buf = ffi.new("char[4096]")
    path = ffi.string(C.getcwd(buf, 4096)) .. "/" .. path
  end
  path = path:gsub("/%./", "/"):gsub("/+", "/"):gsub("/%.$", "")
  return #path > 1 and (path:gsub("/$", "")) or path
end


function posix.hostname()
  local buf = ffi.new("char[256]")
  return C.gethostname(buf, 255) == 0 and ffi.string(buf) or "localhost"
end


return posix
