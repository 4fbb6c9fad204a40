-- Calls every C function of runtime/ffi/api.h with arguments nobody expects, as far as the boundary's contract lets Lua: pointers are
-- those of live objects and of memory of exactly the size that is told (so that a sanitizer sees every byte beyond), everything else
-- is hostile. Random, but the same for the same seed.
--   build-dev/kgw run spec/fuzz/run.lua [SEED] [ROUNDS]     functions that need no request, and waiting ones
-- A plugin of spec/integration/author_fuzz_spec.lua calls `request` in the phases of a request, and `anywhere` in init.
local base = require "ngx.base"
local bit = require "bit"
local ffi = require "ffi"

ffi.cdef "void *malloc(size_t n); void free(void *p);"

local C = ffi.C
local random = math.random

local fuzz = { called = {} }

local NUMBERS = { 0, -1, 1, 2, 3, 7, 8, 15, 16, 63, 64, 100, 127, 128, 255, 256, 599, 600, 1000, 65535, 65536, 2147483647, -2147483648 }
local DOUBLES = { 0, -0.0, 1, -1, 0.001, 1e-320, 1e308, -1e308, 1 / 0, -1 / 0, 0 / 0, 2 ^ 31, 2 ^ 32, 2 ^ 53, 2 ^ 63, -2 ^ 63, 2 ^ 64 }
local PIECES = {
  "", "\0", "\r\n", "\n", " ", "%", "%zz", "%00", "%2f", "/", "/../", "//", "?", "#", "&", "=", "a=b&c", "+", ":", "@", "\127", "\255\254",
  "http://", "Host", "Content-Length", "Transfer-Encoding: chunked", "x-a", "127.0.0.1", "::1", "256.1.1.1", "unix:/nowhere", "localhost",
  "uri", "args", "upstream_host", "http_x", "arg_a", "cookie_a", "sent_http_x", "{", "}", "[", "]", "\"", "\\", "{\"a\":[1,{}]}", "null",
  "(", "(a+)+$", "[a-", "(?<n>x)", "\\", "*", "Sun, 06 Nov 1994 08:49:37 GMT", "99999999999999999999", "-----BEGIN CERTIFICATE-----\n",
  "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", "0\130\1\1", "\31\139\8\0\0\0\0\0\0\3", ("a"):rep(300), ("\0"):rep(70),
}

-- Names that no server is asked for.
local NAMES = { "", ".", "..", "a..b", ("a"):rep(64) .. ".x", ("a."):rep(200), "localhost", "127.0.0.1", "::1", "\255.", "a b" }

local live = {} -- memory to give back after the operation
-- Light threads: what they have is never given back, as others run while they wait and they may be killed.
local waits = setmetatable({}, { __mode = "k" })


local function text()
  local kind = random(10)
  if kind == 1 then
    local n = random(3) == 1 and random(70000) or random(200)
    local out = {}
    for i = 1, n do
      out[i] = string.char(random(0, 255))
    end
    return table.concat(out)
  end
  local out = {}
  for i = 1, random(kind > 8 and 30 or 3) do
    out[i] = PIECES[random(#PIECES)]
  end
  return table.concat(out)
end


-- Memory of exactly n bytes.
local function memory(n)
  local p = ffi.cast("char *", C.malloc(n))
  if not waits[coroutine.running()] then
    live[#live + 1] = p
  end
  ffi.fill(p, n, random(0, 255))
  return p
end


local function forget()
  for i = 1, #live do
    C.free(live[i])
    live[i] = nil
  end
end


-- The bytes of a text without a zero behind them, and how many.
local function bytes(s)
  s = s or text()
  local p = memory(#s)
  ffi.copy(p, s, #s)
  return p, #s
end


-- Zero-terminated.
local function c_string()
  local s = text():gsub("%z", "0")
  local p = memory(#s + 1)
  ffi.copy(p, s, #s + 1)
  return p
end


local function integer()
  return random(3) == 1 and random(-70000, 70000) or NUMBERS[random(#NUMBERS)]
end


local function unsigned()
  return bit.band(integer(), 0x7fffffff)
end


local function double()
  return random(2) == 1 and DOUBLES[random(#DOUBLES)] or random() * 1000
end


local function out_of(name, n)
  return ffi.cast(name .. " *", memory(ffi.sizeof(name) * (n or 1)))
end


local function str()
  local out = out_of("kgw_ffi_str_t")
  out.ptr, out.len = nil, 0
  return out
end


-- Reads what came out: it must be there.
local function read(s)
  if s.ptr ~= nil and s.len > 0 then
    return ffi.string(s.ptr, s.len)
  end
end


local function call(name, ...)
  fuzz.called[name] = (fuzz.called[name] or 0) + 1
  fuzz.last = name
  return C["kgw_ffi_" .. name](...)
end


local function with_text(name, room)
  return function()
    local p, n = bytes()
    return call(name, p, n, memory(room(n)))
  end
end


local dict
local function key_of_dict()
  return bytes(random(3) > 1 and "k" .. random(20) or nil)
end


-- Functions for any phase.
local anywhere = {
  function() return call("escape_uri", (function() local p, n = bytes() return p, n, random(0, 8), memory(3 * n) end)()) end,
  function() local p, n = bytes() return call("unescape_uri", p, n, integer(), memory(n)) end,
  function() local p, n = bytes() return call("base64_encode", p, n, memory(2 * n + 8), integer(), integer()) end,
  function() local p, n = bytes() return call("base64_decode", p, n, memory(n + 4), integer()) end,
  with_text("md5", function() return 16 end),
  with_text("sha1", function() return 20 end),
  with_text("hex", function(n) return 2 * n end),
  function() local k, kn = bytes() local p, n = bytes() return call("hmac_sha1", k, kn, p, n, memory(20)) end,
  function() return call("crc32", bytes()) end,
  function() local n = random(0, 300) return call("random", memory(n), n) end,
  function() return call("http_time", double(), memory(64)) end,
  function() local p, n = bytes() return call("parse_http_time", p, n, out_of("double")) end,
  function()
    local p, n = bytes()
    local max = random(0, 50)
    local list, cut = out_of("kgw_ffi_arg_t", max), out_of("int")
    local cnt = call("args_decode", p, n, memory(n), list, max, cut)
    assert(cnt <= max)
    for i = 0, cnt - 1 do
      local _ = ffi.string(list[i].key, list[i].key_len)
      _ = list[i].value_len > 0 and ffi.string(list[i].value, list[i].value_len)
    end
  end,
  function() local p, n = bytes() return call("is_ascii", ffi.cast("const uint8_t *", p), n) end,
  function() return call("var_id", bytes()) end,
  function() local p, n = bytes() return call("log", random(20), p, n) end,
  function()
    local p, n = bytes()
    local groups, message = out_of("int"), memory(100)
    local re = call("re_compile", p, n, random(2) == 1 and unsigned() or random(0, 255), message, 100, groups)
    if re == nil then
      return
    end
    local s, sn = bytes()
    for _ = 1, 3 do
      call("re_exec", re, s, sn, random(0, sn), out_of("int", (groups[0] + 1) * 2))
    end
    local name = str()
    for i = 0, 3 do
      if call("re_name", re, i, name) == 0 then read(name) end
    end
    call("re_free", re)
  end,
  function()
    local p, n = bytes()
    local it, name, value, kind = out_of("kgw_ffi_json_t"), str(), str(), out_of("int")
    ffi.fill(it, ffi.sizeof("kgw_ffi_json_t"))
    local rc = call("json_open", it, p, n)
    while rc == 0 do
      rc = call("json_next", it, name, value, kind)
      if rc == 0 then read(name) read(value) end
    end
  end,
  function()
    local pem, n = bytes()
    local chain = call("ssl_parse_cert", pem, n)
    if chain ~= nil then call("ssl_free_cert", chain) end
    pem, n = bytes()
    local key = call("ssl_parse_key", pem, n, random(2) == 1 and c_string() or nil)
    if key ~= nil then call("ssl_free_key", key) end
    call("ssl_cert_der", pem, n, memory(64), 64)
    call("ssl_key_der", pem, n, c_string(), memory(64), 64)
    local err = str()
    local p, size = bytes()
    if call("ocsp_responder", p, size, memory(64), 64, err) ~= 0 then read(err) end
    call("ocsp_request", p, size, memory(64), 64, err)
    call("ocsp_validate", pem, n, p, size, err)
  end,
}


-- A durable store in a folder of its own: get, seek, batches.
local store
anywhere[#anywhere + 1] = function()
  local err = memory(160)
  if not store then
    local folder = os.tmpname()
    os.remove(folder)
    require("kgw.posix").mkdirs(folder)
    local open = call("store_open", folder, 1048576, 0, err)
    os.execute("rm -rf " .. folder)
    if open == nil then error(ffi.string(err)) end
    store = open
  end
  local key, n = bytes(random(3) > 1 and "k" .. random(9) or nil)
  local batch, reason, found, value = call("batch_new", store), str(), str(), str()
  for _ = 1, random(0, 3) do
    if random(3) > 1 then
      call("batch_put", batch, key, n, bytes())
    else
      call("batch_delete", batch, key, n)
    end
  end
  call("batch_run", batch)
  if call("batch_result", batch, reason) ~= 0 then read(reason) end
  call("batch_free", batch)
  if call("store_get", store, key, n, value, err) == 0 then read(value) end
  call("store_release", store)
  if call("store_seek", store, key, n, random(0, 1), found, value, err) == 0 then read(found) read(value) end
  call("store_release", store)
end


local function in_dict(fn)
  anywhere[#anywhere + 1] = function()
    dict = dict or call("dict_find", "kong")
    if dict ~= nil then
      return fn(dict, key_of_dict())
    end
  end
end

in_dict(function(d, k, n) local s = str() if call("dict_get", d, k, n, integer(), out_of("int"), s, out_of("double"), out_of("uint32_t"), out_of("int")) == 0 then read(s) end end)
in_dict(function(d, k, n) local p, m = bytes() return call("dict_set", d, k, n, random(0, 5), p, m, double(), double(), unsigned(), random(0, 7), out_of("int")) end)
in_dict(function(d, k, n) return call("dict_delete", d, k, n) end)
in_dict(function(d, k, n) return call("dict_incr", d, k, n, double(), random(0, 1), double(), double(), out_of("double"), out_of("int")) end)
in_dict(function(d, k, n) return call("dict_ttl", d, k, n, out_of("double")) end)
in_dict(function(d, k, n) return call("dict_expire", d, k, n, double()) end)
in_dict(function(d, k, n) local p, m = bytes() return call("dict_push", d, k, n, random(0, 5), p, m, double(), random(0, 1), out_of("uint32_t")) end)
in_dict(function(d, k, n) local s = str() if call("dict_pop", d, k, n, random(0, 1), out_of("int"), s, out_of("double")) == 0 then read(s) end end)
in_dict(function(d, k, n) return call("dict_llen", d, k, n, out_of("uint32_t")) end)
in_dict(function(d) local s = str() call("dict_keys", d, random(0, 2000), s) read(s) end)
in_dict(function(d) return call("dict_flush_expired", d, unsigned()) end)
in_dict(function(d) return call("dict_capacity", d) + call("dict_free_space", d) end)
in_dict(function(d) if random(50) == 1 then call("dict_flush", d) end end)


local kept = {} -- what C reads until the request has ended: never given back

local function route()
  local r = ffi.new("kgw_ffi_route_t")
  local host, path, pool = text(), text(), text()
  kept[#kept + 1] = { r, host, path, pool }
  kept[#kept - 200] = nil
  r.host, r.host_len, r.base, r.base_len, r.pool, r.pool_len = host, #host, path, #path, pool, #pool
  r.connect_ms, r.send_ms, r.read_ms, r.retries = unsigned(), unsigned(), unsigned(), integer()
  r.is_tls, r.strip, r.request_buffering, r.response_buffering = random(0, 1), random(0, 1), random(0, 1), random(0, 1)
  local ip, n = bytes()
  call("route_addr", r, ip, n, integer())
  return r
end


-- Two texts with their lengths, as the last arguments of a call.
local function two_texts()
  local a, n = bytes()
  local b, m = bytes()
  return a, n, b, m
end


local function got(name, ...)
  local s = str()
  local args = { ... }
  args[#args + 1] = s
  if call(name, unpack(args)) == 0 then
    read(s)
  end
end


-- Functions that need a request.
local request = {
  function() got("var_get", random(-5, 300)) end,
  function() local p, n = bytes() got("var_dyn", p, n) end,
  function() local p, n = bytes() return call("var_set", random(-5, 300), p, n, random(0, 1)) end,
  function()
    local p, n = bytes()
    local s = str()
    if call("hdr_first", random(0, 1), p, n, s, out_of("int")) == 0 then read(s) end
  end,
  function()
    local at, name, value = out_of("uint32_t"), str(), str()
    at[0] = random(3) == 1 and unsigned() or 0
    local of_response = random(0, 1)
    for _ = 1, 200 do
      if call("hdr_next", of_response, at, name, value) ~= 0 then break end
      read(name)
      read(value)
    end
  end,
  function() local p, n = bytes() local v, m = bytes() return call("hdr_set", random(0, 1), p, n, v, m, random(0, 1)) end,
  function() return call("hdr_remove", random(0, 1), bytes()) end,
  function() got("req_method") end,
  function() return call("req_set_method", unsigned()) end,
  function() got("req_args") end,
  function() return call("req_set_args", bytes()) end,
  function() return call("req_set_uri", bytes()) end,
  function() return call("req_http_version") + call("req_start_time") end,
  function()
    local m, h, p, sni = str(), str(), str(), str()
    if call("match_input", m, h, p, out_of("int"), sni) == 0 then read(m) read(h) read(p) read(sni) end
  end,
  function() got("req_raw_head") end,
  function() return call("body_state", out_of("uint64_t")) end,
  function() local n = random(0, 5000) return call("body_copy", memory(n), n) end,
  function() got("body_file") end,
  function() return call("status_get") + call("headers_sent") + call("out_state") + call("resp_connection") end,
  function() return call("status_set", integer(), bytes()) end,
  function() local s = str() if call("chunk_get", s, out_of("int")) == 0 then read(s) end end,
  function() return call("chunk_size", out_of("size_t"), out_of("int")) end,
  function() return call("chunk_set", bytes()) end,
  function() return call("chunk_last", integer()) end,
  function()
    local size = out_of("size_t")
    if call("held_body_size", size) == 0 then
      local n = math.min(tonumber(size[0]), 1000000)
      call("held_body_copy", memory(n), n)
    end
  end,
  function() return call("held_body_set", bytes()) end,
  function() local p, n = bytes() return call("route_apply", route(), p, n) end,
  function() return call("route_peer", route()) end,
  function() got("upstream_host") end,
  function()
    local h, hn = bytes()
    local u, un = bytes()
    local p, pn = bytes()
    return call("set_upstream", random(0, 1), h, hn, u, un, p, pn)
  end,
  function() local ip, n = bytes() return call("set_peer", ip, n, integer(), two_texts()) end,
  function() return call("set_timeouts", unsigned(), unsigned(), unsigned()) end,
  function() return call("set_retries", integer()) end,
  function() return call("set_keepalive", unsigned(), unsigned()) end,
  function() return call("set_buffering", integer(), integer()) end,
  function() return call("want", integer(), integer(), integer(), integer()) end,
  function() return call("last_failure") + call("tries") + call("is_proxied") end,
  function() local s = str() if call("try_get", integer(), s, out_of("int"), out_of("int"), out_of("int")) == 0 then read(s) end end,
  function() return call("latency", integer(), out_of("double")) end,
  function() got("ssl_server_name") end,
  function() local s = str() if call("ssl_address", random(0, 1), out_of("int"), out_of("int"), s) == 0 then read(s) end end,
  function() return call("ssl_version") end,
  function() return call("ssl_pointer") ~= nil and call("ssl_clear") + call("ssl_disable_reuse") end,
  function() call("ssl_set_der_cert", bytes()) return call("ssl_set_der_key", bytes()) end,
  function() local err, p, n = str(), bytes() return call("ocsp_staple", p, n, err) end,
  function()
    local key, n = bytes()
    local ca, cn = bytes()
    local cert, tn = bytes()
    return call("set_tls", key, n, random(0, 1), integer(), ca, cn, cert, tn, bytes())
  end,
  function() return call("body_state", out_of("uint64_t")) + call("body_result") end,
  function() if random(4) == 1 then call("body_discard") end end,
  function() call("mark_balanced") return call("ctx_used") end,
  function() return call("upstream_scheme_set") end,
  function() return call("ssl_client_chain", memory(100), 100) end,
}


-- Ends a wait that C has begun: its result.
local function done(rc)
  if rc == base.AGAIN then
    base.wait()
    return C.kgw_ffi_op_rc()
  end
  return rc
end


local function timeout()
  return random(4) == 1 and double() or random(0, 20)
end


-- The last arguments of a receive: mode, want, pattern, length, inclusive.
local function receive_arguments()
  local p, n = bytes()
  return random(0, 4), random(2) == 1 and unsigned() or random(0, 100), p, math.max(n, 0), random(0, 1)
end


local function received(name, handle, begin)
  local s = str()
  local mode, want, p, n, inclusive = receive_arguments()
  if mode == 4 and n == 0 then
    mode = 1
  end
  local rc = call(begin, handle, mode, want, p, n, inclusive, timeout(), s)
  if rc == base.AGAIN then
    rc = call(name, handle, done(rc), s)
  end
  if rc == 0 then
    read(s)
  end
end


-- Operations that wait; each runs in a light thread that may be killed in the middle.
local waiting = {
  function() return done(call("sleep", random(3) == 1 and math.abs(double()) or random() / 100)) end,
  function()
    if base.cur.req == nil then return end
    local why = str()
    local s = call("rsock_new", random(0, 1), why)
    if s == nil then return read(why) end
    received("rsock_received", s, "rsock_receive")
    local p, n = bytes()
    if random(3) > 1 then done(call("rsock_send", s, p, n, timeout())) end
    local _ = ffi.string(call("rsock_err", s))
    call("rsock_free", s)
  end,
  function()
    if base.cur.req == nil or random(3) > 1 then return end
    done(call("body_read"))
    local p, n = bytes()
    if random(2) == 1 then call("body_set", p, n) end
    if random(4) == 1 then call("print", p, n) end
  end,
  function(port)
    local s = call("sock_new")
    local ip, n = bytes(random(4) > 1 and "127.0.0.1" or nil)
    local pool, pn = bytes()
    local rc = done(call("sock_connect", s, ip, n, random(4) > 1 and port or integer(), pool, pn, integer(), integer(), timeout()))
    for _ = 1, random(6) do
      local what = random(7)
      if what == 1 then
        local p, m = bytes()
        done(call("sock_send", s, p, m, timeout()))
      elseif what == 2 then
        received("sock_received", s, "sock_receive")
      elseif what == 3 and rc == 0 then
        local name, m = bytes()
        done(call("sock_handshake", s, name, m, random(0, 1), nil, timeout()))
      elseif what == 4 then
        call("sock_option", s, integer(), random(0, 1), out_of("int"))
      elseif what == 5 then
        call("sock_keepalive", s, timeout(), integer())
      elseif what == 6 then
        call("sock_close", s)
      else
        call("sock_reused", s)
        local _ = ffi.string(call("sock_err", s))
      end
    end
    call("sock_free", s)
  end,
  function()
    local u, err = call("udp_new"), str()
    local ip, n = bytes(random(3) > 1 and "127.0.0.1" or nil)
    call("udp_bind", u, ip, n)
    call("udp_connect", u, ip, n, integer(), err)
    local p, m = bytes()
    call("udp_send", u, p, m, err)
    local rc = call("udp_receive", u, random(2) == 1 and unsigned() or 100, random(0, 5), err)
    if done(rc) == 0 and rc == 0 then read(err) end
    call("udp_close", u)
    call("udp_free", u)
  end,
  function()
    local s = call("sema_new", random(0, 3))
    call("sema_post", s, random(0, 3))
    done(call("sema_wait", s, random() / 100))
    call("sema_count", s)
    call("sema_free", s)
  end,
  function()
    local w = call("wait_new")
    if random(2) == 1 then call("wait_wake", w, integer()) end
    done(call("wait_begin", w, random() / 100))
    call("wait_free", w)
  end,
  function()
    local p, n = bytes()
    local u, err, cnt = call("unpack_new", p, n, random(3) == 1 and double() or 1e6, nil), str(), out_of("uint32_t")
    if random(2) == 1 then call("unpack_run", u) else done(call("unpack_begin", u)) end
    if call("unpack_result", u, err) == 0 then
      local list = call("unpack_sections", u, cnt)
      local whole = out_of("const char *")
      local items = call("unpack_items", u, whole)
      for i = 0, cnt[0] - 1 do
        read(list[i].name)
        read(list[i].value)
        for k = list[i].first, list[i].first + list[i].cnt - 1 do
          local _ = ffi.string(whole[0] + items[k].off, items[k].len)
        end
      end
    else
      read(err)
    end
    -- The next one is compared with it.
    if random(2) == 1 then call("unpack_keep", u) end
    local list = {}
    for i = 1, random(0, 6) do list[i] = tostring(random(4)) end
    local text = '{"config_table":{"a":[' .. table.concat(list, ",") .. ']}}'
    local first = random(2) == 1 and call("unpack_new", text, #text, 1e6, u) or u
    if first ~= u then call("unpack_run", first) end
    if random(2) == 1 then call("unpack_keep", first) end
    local second = call("unpack_new", text, #text - random(0, 1), 1e6, first)
    call("unpack_run", second)
    if first ~= u then call("unpack_free", first) end
    call("unpack_free", u)
    call("unpack_sections", second, cnt)
    call("unpack_free", second)
  end,
  function()
    local p, n = bytes()
    local k = call("pack_new", p, n, random(-1, 9), random(0, 1))
    local out = str()
    if random(2) == 1 then call("pack_run", k) else done(call("pack_begin", k)) end
    if call("pack_result", k, out) == 0 then read(out) end
    call("pack_crc_of_both", call("pack_crc", k), integer() % 2 ^ 32, double())
    call("pack_free", k)
  end,
  function()
    local argv, why = ffi.new("const char *[3]", { "/bin/cat", "-", nil }), str()
    local p = call("pipe_spawn", argv, nil, random(0, 1), why)
    if p == nil then return end
    local text_p, n = bytes()
    done(call("pipe_write", p, text_p, n, random(0, 20)))
    if random(2) == 1 then call("pipe_shutdown", p, random(0, 2)) end
    local rc = call("pipe_read", p, 1, random(0, 3), random(0, 100), random(0, 20))
    if rc == base.AGAIN then
      local out = str()
      if call("pipe_read_result", p, 1, done(rc), out) == 0 then read(out) end
    end
    if random(2) == 1 then call("pipe_kill", p, 9) end
    done(call("pipe_wait", p, random(0, 20)))
    call("pipe_status", p, out_of("int"), out_of("int"))
    call("pipe_free", p)
  end,
  function()
    local q = call("dns_new")
    done(call("dns_begin", q, NAMES[random(#NAMES)], random(3) == 1 and integer() or 1))
    local cnt = out_of("int")
    call("dns_rcode", q, cnt)
    call("dns_record", q, integer(), out_of("int"), out_of("uint32_t"), str(), str(), out_of("int"), out_of("int"), out_of("int"))
    call("dns_free", q)
  end,
}


local at = {} -- list -> the last that was called in turn

-- Every other one in turn, so that none is left out by chance.
local function run(list, n, ...)
  for i = 1, n do
    local which = random(#list)
    if i % 2 == 0 then
      at[list] = (at[list] or 0) % #list + 1
      which = at[list]
    end
    list[which](...)
    forget()
  end
end


require "spec.fuzz.ffi_process" {
  fuzz = fuzz, anywhere = anywhere, request = request, waiting = waiting, call = call, got = got, bytes = bytes, c_string = c_string,
  text = text, memory = memory, integer = integer, unsigned = unsigned, double = double, out_of = out_of, str = str, read = read, done = done,
  timeout = timeout, in_thread = function() waits[coroutine.running()] = true end,
}


--- n calls that any phase allows.
function fuzz.anywhere(n)
  return run(anywhere, n)
end


--- n calls that need a request.
function fuzz.request(n)
  return run(request, n)
end


--- n calls that only a process of its own survives: they spoil what the whole process has.
function fuzz.process(n)
  return run(fuzz.of_process, n)
end


--- n calls for the certificate phase.
function fuzz.certificate(n)
  return run(fuzz.of_certificate, n)
end


--- n operations that wait, in light threads, two at a time; some are killed. port: of something that listens; tls_port: of
-- something that speaks TLS, or nil.
function fuzz.waiting(n, port, tls_port)
  local function thread(fn)
    waits[coroutine.running()] = true
    fn(port, tls_port)
  end
  for _ = 1, n do
    local threads = {}
    for i = 1, 2 do
      at[waiting] = (at[waiting] or 0) % #waiting + 1
      threads[i] = ngx.thread.spawn(thread, waiting[i == 1 and at[waiting] or random(#waiting)])
    end
    ngx.sleep(random(8) == 1 and 0.2 or random(3) == 1 and 0.03 or 0.001)
    for i = 1, 2 do
      ngx.thread.kill(threads[i])
    end
  end
end


return fuzz
