-- Calls every function of runtime/ffi/api.h with arguments that no sane caller gives, in every phase. Pointers are valid and lengths
-- are those of the memory, as LuaJIT's FFI demands of any caller; everything else is chosen at random from a list of traps.
-- The header X-Seed makes a request's calls repeatable.
local base = require "ngx.base"
local ffi = require "ffi"

local C = base.C
local BUFFER = 1048576

-- Left out: what would change or end the process by its purpose, functions whose only argument is a structure of pointers,
-- and those that free what an earlier call made (they are called once, by the collector, as in lua/ngx).
local LEFT_OUT = {
  "_boot_", "_self_signed", "_hooked_phases$", "_log$", "_log_level$", "_thread_kill$", "_trie_", "_is_ascii$", "_route_", "_free$",
  "_free_cert$", "_free_key$", "_pipe_", "_unpack_", "_pack_", "_json_", "_store_", "_batch_", "_ssl_", "_ocsp_", "_tls_objects$",
  "_rsock_", "_dict_make$", "_match_limit$", "_jit_stack$", "_session", "_client_cert$", "_handshake$", "_args_decode$", "_timer_start$",
  "_sock_bind$", "_udp_bind$", "_sock_trust$",
}

local TEXTS = {
  "", "a", "Host", "host", "content-length", "Transfer-Encoding", "\0", "\r\n", "a\r\nX-Evil: 1", ":", " ", ("x"):rep(70000), "%", "%zz", "/../..",
  "127.0.0.1", "::1", "999.1.1.1", "unix:/nowhere", "http_host", "arg_a", "upstream_uri", "\255\254", "-1", "1e309", "(", "(a+)+$", "[[:", "GET",
  ("a,"):rep(5000), "chunked", "close", "upgrade", "X-" .. ("y"):rep(300),
}
local NUMBERS = {
  0, 1, -1, 2, 3, 7, 100, 200, 404, 444, 499, 502, 599, 600, 65535, 65536, 2147483647, -2147483648, 4294967295, 1e-9, -1e-9, 1e308, -1e308, 0 / 0, 1 / 0,
  -1 / 0, 0.5, 1e15,
}

local functions, handles = {}, {}


local function is_left_out(name)
  for i = 1, #LEFT_OUT do
    if name:find(LEFT_OUT[i]) then
      return true
    end
  end
  return false
end


-- { name, { { ctype, argument name }, ... } } of every function to call.
local function parse()
  local text = ffi.string(C.kgw_ffi_api_text):gsub("/%*.-%*/", "")
  for name, arguments in text:gmatch("[%w_]+[%s%*]+(kgw_[%w_]+)%(([^()]*)%);") do
    if not is_left_out(name) then
      local list = {}
      for argument in arguments:gmatch("[^,]+") do
        local ctype, arg_name = argument:match("^%s*(.-)%s*([%w_]+)%s*$")
        if arg_name ~= "void" then
          list[#list + 1] = { ctype, arg_name }
        end
      end
      functions[#functions + 1] = { name, list }
    end
  end
end


local MAKERS = {
  dict = function() return C.kgw_ffi_dict_find("kong") end,
  re = function()
    local groups = ffi.new("int[1]")
    return C.kgw_ffi_re_compile("(a)|(b+)", 8, 0, ffi.new("char[256]"), 256, groups)
  end,
  sema = function() return C.kgw_ffi_sema_new(0) end,
  sock = function() return C.kgw_ffi_sock_new() end,
  udp = function() return C.kgw_ffi_udp_new() end,
  wait = function() return C.kgw_ffi_wait_new() end,
  dns = function() return C.kgw_ffi_dns_new() end,
}


local function handle(name)
  local kind = name:match("_ffi_(%a+)_")
  local maker = MAKERS[kind]
  if not maker then
    return nil
  end
  handles[kind] = handles[kind] or maker()
  return handles[kind]
end


local function pick(list)
  return list[math.random(#list)]
end


-- Arguments for one call, or nil when a handle is missing. `kept` keeps their memory.
local function make_arguments(fn, kept)
  local args, n, last_text, last_room = {}, #fn[2], nil, nil
  for i = 1, n do
    local ctype, arg_name = fn[2][i][1], fn[2][i][2]
    local value
    if ctype == "const char *" then
      value = pick(TEXTS)
      last_text = value
    elseif ctype == "char *" then
      value = ffi.new("char[?]", BUFFER)
      last_room = BUFFER
    elseif ctype == "size_t" and last_text and (arg_name == "len" or arg_name:find("_len$")) and arg_name ~= "err_len" then
      value = #last_text
      last_text = nil
    elseif ctype == "size_t" and last_room then
      value = pick { 0, 1, 100, BUFFER }
      last_room = nil
    elseif ctype == "void *" then
      value = handle(fn[1])
      if value == nil then
        return nil
      end
    elseif ctype == "size_t" then
      value = pick { 0, 1, 3, 65536 }
    elseif ctype:find("%*$") then
      value = ffi.new(ctype:gsub("^const ", ""):gsub("%s*%*$", "") .. "[64]")
    else
      value = pick(NUMBERS)
    end
    kept[#kept + 1] = value
    args[i] = value
  end
  return args, n
end


local function may_wait()
  return bit.band(base.cur.phase, base.YIELDABLE) ~= 0
end


-- Functions that end the phase are the last ones called in it.
local ENDS = { kgw_ffi_exit = true, kgw_ffi_abandon = true }
local WAITS = { "sleep$", "body_read$", "_begin$", "_wait$", "_connect$", "_send$", "_receive$", "_eof$", "_send_headers$" }


local function waits(name)
  for i = 1, #WAITS do
    if name:find(WAITS[i]) then
      return true
    end
  end
  return false
end


local function attack(calls)
  if #functions == 0 then
    parse()
  end
  local seed = base.cur.req ~= nil and tonumber(ngx.var.http_x_seed)
  math.randomseed((seed or 1) * 64 + base.cur.phase)
  for _ = 1, calls do
    local fn = pick(functions)
    local kept = {}
    local args, n = make_arguments(fn, kept)
    if args and not ENDS[fn[1]] and (may_wait() or not waits(fn[1])) then
      local ok, rc = pcall(C[fn[1]], unpack(args, 1, n))
      if ok and rc == base.AGAIN and waits(fn[1]) then
        return -- without waiting: what was begun must be taken back
      end
    end
  end
end


local Hostile = { VERSION = "1.0.0", PRIORITY = 1 }

for _, phase in ipairs { "init_worker", "certificate", "rewrite", "access", "header_filter", "body_filter", "log" } do
  Hostile[phase] = function(_, conf)
    attack(conf and conf.calls or 40)
  end
end

return Hostile
