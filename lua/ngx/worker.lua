-- ngx.worker, ngx.config, ngx.run_worker_thread.
local ffi = require "ffi"
local base = require "ngx.base"

local C = base.C
local cur = base.cur
local error = error
local select = select
local type = type

ffi.cdef "int getpid(void);"

local Worker = {}


function Worker.id()
  local id = C.kgw_ffi_worker_id()
  if id < 0 then
    return nil
  end
  return id
end


function Worker.count()
  return C.kgw_ffi_worker_count()
end


function Worker.pid()
  return C.getpid()
end


function Worker.pids()
  if cur.phase == base.INIT or cur.phase == base.INIT_WORKER then
    error("API disabled in the current context", 2)
  end
  return { C.getpid() }
end


function Worker.exiting()
  return C.kgw_ffi_worker_exiting() ~= 0
end


local pools = {}

-- Makes a name known to ngx.run_worker_thread; there are no threads behind it.
function Worker.add_thread_pool(name)
  pools[name] = true
end


local function finish(ok, ...)
  if not ok then
    return false, (...)
  end
  return true, ...
end


-- Runs the function at once, in the worker: what OpenResty does in a thread with a VM of its own.
function Worker.run_worker_thread(...)
  if select("#", ...) < 3 then
    return false, "expecting at least 3 arguments"
  end
  local pool, name, func = ...
  if type(pool) ~= "string" or not pools[pool] then
    return false, "thread pool " .. tostring(pool) .. " not found"
  end
  local ok, module = pcall(require, name)
  if not ok then
    return false, module
  end
  local fn = type(module) == "table" and module[func]
  if type(fn) ~= "function" then
    return false, "function not found"
  end
  return finish(pcall(fn, select(4, ...)))
end


local prefix_text

local Config = {
  subsystem = "http",
  debug = false,
  nginx_version = 1025003,
  ngx_lua_version = 10026,
}


function Config.prefix()
  if prefix_text then
    return prefix_text
  end
  local conf = rawget(_G, "kong") and kong.configuration
  local prefix = conf and conf.prefix or "/usr/local/kong"
  if prefix:sub(-1) ~= "/" then
    prefix = prefix .. "/"
  end
  if conf then
    prefix_text = prefix
  end
  return prefix
end


function Config.nginx_configure()
  return " --with-http_ssl_module --with-http_v2_module --with-http_realip_module --with-stream --with-stream_ssl_module"
         .. " --with-stream_ssl_preread_module"
end


Worker.config = Config

return Worker
