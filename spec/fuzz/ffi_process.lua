-- More of spec/fuzz/ffi.lua, whose helpers come in `kit`: functions of the process and its clocks, keys and certificates, the router's index,
-- TLS objects. Pointers that go in are those that only our Lua can have: of live objects, or NULL where an object is wanted. Adds to
-- kit.anywhere, kit.request and kit.waiting; makes kit.fuzz.of_process and kit.fuzz.of_certificate.
local ffi = require "ffi"
local native = require "kgw.native"

local random = math.random

return function(kit)
  local call, bytes, c_string, memory, out_of, str, read, integer, unsigned, double = kit.call, kit.bytes, kit.c_string, kit.memory, kit.out_of,
    kit.str, kit.read, kit.integer, kit.unsigned, kit.double
  local C = ffi.C
  local of_process, of_certificate = {}, {}
  kit.fuzz.of_process, kit.fuzz.of_certificate = of_process, of_certificate

  local function add(lists, fn)
    for i = 1, #lists do
      lists[i][#lists[i] + 1] = fn
    end
  end

  local ANYWHERE, REQUEST, WAITING = { kit.anywhere }, { kit.request }, { kit.waiting }

  -- Process, clocks, timers ---------------------------------------------------------------------------------

  add(ANYWHERE, function()
    call("cur") call("worker_id") call("worker_count") call("worker_exiting") call("mono_us") call("now") call("update_time") call("op_rc")
    call("conn_stats", out_of("uint64_t", 5))
  end)
  add(ANYWHERE, function()
    local before = call("log_level", integer())
    call("log", random(-3, 12), bytes())
    call("log_level", before)
  end)
  add(ANYWHERE, function()
    if random(4) == 1 then
      call("log_ring_open", random(3) == 1 and unsigned() or random(0, 3000))
    end
    call("log_ring_level", integer())
    for _ = 1, random(4) do
      call("log", random(1, 8), bytes())
    end
    for _ = 1, random(8) do
      local max = random(0, 500)
      call("log_ring_take", memory(max), max, out_of("int"), out_of("double"))
    end
    call("log_ring_take", nil, 5, nil, nil)
    if random(3) == 1 then call("log_ring_open", 0) end
  end)
  -- Ids that no timer of Lua has.
  add(ANYWHERE, function()
    local id = 4000000000 + random(20)
    local seconds = random(3) == 1 and double() or random() / 100
    if seconds ~= seconds or seconds < 1e6 then
      call("timer_start", id, seconds)
    end
    call("timer_stop", 4000000000 + random(20))
    call("timer_count", integer())
  end)
  add(ANYWHERE, function()
    call("re_match_limit", random(0, 100000))
    call("re_jit_stack", random(3) == 1 and 0 or random(0, 200000))
    local groups = out_of("int")
    local p, n = bytes("(a+)+b|(?<x>.)\\1")
    local re = call("re_compile", p, n, random(0, 255), memory(100), 100, groups)
    if re ~= nil then
      local s, m = bytes()
      call("re_exec", re, s, m, random(0, m), out_of("int", (groups[0] + 1) * 2))
      call("re_free", re)
    end
    call("re_match_limit", 100000)
  end)
  add(ANYWHERE, function()
    local name = str()
    if call("dict_at", integer(), name) ~= nil then read(name) end
  end)
  -- Phases that are entered although nobody hooked them; all of them, so that the ones that somebody hooked are.
  add(ANYWHERE, function() return call("hooked_phases", random(2) == 1 and 0xffffffff or 0x7fff) end)

  -- Keys, certificates --------------------------------------------------------------------------------------

  local cert, key -- of this process, as texts

  local function pair()
    if not cert then
      local c, k = str(), str()
      assert(call("self_signed", 1, "fuzz", 10, c, k) == 0)
      cert, key = read(c), read(k)
    end
    return cert, key
  end

  -- A text that is often good, at times good with one byte changed.
  local function mostly(good)
    local kind = random(4)
    if kind == 1 then
      return bytes()
    elseif kind == 2 then
      local at = random(#good)
      return bytes(good:sub(1, at - 1) .. string.char(random(0, 255)) .. good:sub(at + 1))
    end
    return bytes(random(8) == 1 and good .. good or good)
  end

  -- fn(chain, key, store): each may be NULL.
  local function with_objects(fn)
    local good_cert, good_key = pair()
    local p, n = mostly(good_cert)
    local chain = call("ssl_parse_cert", p, n)
    p, n = mostly(good_key)
    local pkey = call("ssl_parse_key", p, n, random(2) == 1 and c_string() or nil)
    fn(chain, pkey)
    if chain ~= nil then call("ssl_free_cert", chain) end
    call("ssl_free_key", pkey)
  end

  add(ANYWHERE, function()
    if random(40) > 1 then return end
    local c, k = str(), str()
    if call("self_signed", random(15) == 1 and 0 or random(1, 9), c_string(), integer(), c, k) == 0 then read(c) read(k) end
  end)
  add(ANYWHERE, function()
    local good_cert, good_key = pair()
    local p, n = mostly(good_cert)
    local max = random(0, 2000)
    call("ssl_cert_der", p, n, memory(max), max)
    p, n = mostly(good_key)
    call("ssl_key_der", p, n, random(2) == 1 and c_string() or nil, memory(max), max)
  end)

  local function tls_of_connection()
    with_objects(function(chain, pkey)
      if random(4) == 1 then call("ssl_clear") end
      call("ssl_set_cert", chain)
      call("ssl_set_key", pkey)
      call("ssl_verify_client", random(3) == 1 and ffi.NULL or chain, integer())
      call("ssl_pointer")
      if random(4) == 1 then call("ssl_disable_reuse") end
      call("ssl_version")
      local max = random(0, 4000)
      call("ssl_client_chain", memory(max), max)
      local name, raw = str(), str()
      if call("ssl_server_name", name) == 0 then read(name) end
      if call("ssl_address", integer(), out_of("int"), out_of("int"), raw) == 0 then read(raw) end
      call("ssl_set_der_cert", bytes())
      call("ssl_set_der_key", bytes())
      call("ocsp_staple", nil, 0, str())
    end)
  end

  add({ kit.request, of_certificate }, tls_of_connection)
  -- Light threads of the handshake that outlive their parents.
  add({ of_certificate }, function()
    for _ = 1, random(3) do
      ngx.thread.spawn(function()
        kit.in_thread()
        ngx.sleep(random() / 50)
        tls_of_connection()
        if random(3) == 1 then ngx.thread.spawn(function() kit.in_thread() ngx.sleep(0.001) tls_of_connection() end) end
        if random(5) == 1 then ngx.exit(random(-1, 0)) end
      end)
    end
    if random(3) == 1 then ngx.sleep(0.001) end
  end)

  ffi.cdef "void *X509_STORE_new(void); void X509_STORE_free(void *);"
  local stores = {}
  add(REQUEST, function()
    local store
    if random(2) == 1 then
      local i = random(3)
      stores[i] = stores[i] or ffi.gc(C.X509_STORE_new(), C.X509_STORE_free)
      store = stores[i]
      if random(3) == 1 then stores[i] = nil end
    end
    with_objects(function(chain, pkey)
      local name, n = bytes()
      local ca, cn = mostly(cert)
      local c, len = mostly(cert)
      local k, kn = mostly(key)
      local made = str()
      call("set_tls_objects", name, n, random(-1, 1), integer(), ca, cn, c, len, k, kn, chain, pkey, store, made)
      read(made)
    end)
  end)

  -- The router's index --------------------------------------------------------------------------------------

  local PARTS = { "/", "a", "b", "ab", "/a", "\0", "\255", "", "//", ("x"):rep(200) }

  local function path()
    local out = {}
    for i = 1, random(0, 8) do
      out[i] = PARTS[random(#PARTS)]
    end
    return random(10) == 1 and kit.text() or table.concat(out)
  end

  -- The same bytes in memory of exactly their size.
  local function exact(ctype, from, n)
    local p = memory(ffi.sizeof(ctype) * n)
    ffi.copy(p, from, ffi.sizeof(ctype) * n)
    return ffi.cast(ctype .. " *", p)
  end

  add(ANYWHERE, function()
    local trie = require "kong.router.trie"
    local prefixes, size = {}, 0
    for i = 1, random(0, 40) do
      prefixes[i] = path()
      size = size + #prefixes[i]
    end
    local index = assert(trie.new(#prefixes + 3, size))
    local roots = {}
    for i = 1, random(3) do
      roots[i] = trie.new_root(index)
    end
    for i = #prefixes, 1, -1 do
      trie.add(index, roots[random(#roots)], prefixes[i], i)
    end
    local nodes = exact("kgw_trie_node_t", index.nodes, index.node_cnt)
    local edges = exact("kgw_trie_edge_t", index.edges, index.mask + 1)
    local entries = exact("kgw_trie_entry_t", index.entries, index.entry_cnt)
    local blob = exact("uint8_t", index.blob, index.blob_len)
    local p, n = bytes(path())
    local cursors = out_of("int32_t", index.node_cnt)
    local len = random(5) == 1 and ({ 0, -1, -2147483648 })[random(3)] or n
    local cnt = call("trie_collect", nodes, edges, index.mask, blob, roots[random(#roots)], ffi.cast("const uint8_t *", p), len, cursors, 0)
    local at, rank = call("trie_best", entries, cursors, random(6) == 1 and random(-3, 0) or cnt, out_of("int32_t")), out_of("int32_t")
    while at >= 0 do
      cursors[at] = entries[cursors[at]].next
      at = call("trie_best", entries, cursors, cnt, rank)
    end
  end)

  -- Requests ------------------------------------------------------------------------------------------------

  add(REQUEST, function() call("listen_port") return call("want_body_filter") end)
  add(REQUEST, function() if random(30) == 1 then call("eof") end end)
  add(REQUEST, function() if random(10) == 1 then call("send_headers") end end)
  add(REQUEST, function() if random(30) == 1 then call("exit", integer()) end end)
  add(REQUEST, function() if random(30) == 1 then call("abandon") end end)

  -- Waiting -------------------------------------------------------------------------------------------------

  local sessions = {}
  add(WAITING, function(port, tls_port)
    local s = call("sock_new")
    local good_cert, good_key = pair()
    local ip, n = bytes(random(2) == 1 and "127.0.0.1" or nil)
    call("sock_bind", s, ip, n)
    local p, m = mostly(good_cert)
    call("sock_trust", random(4) > 1 and s or nil, p, m, integer())
    local chain, pkey = call("ssl_parse_cert", good_cert, #good_cert), call("ssl_parse_key", good_key, #good_key, nil)
    call("sock_client_cert", s, random(4) > 1 and chain or nil, random(4) > 1 and pkey or nil)
    call("ssl_free_cert", chain)
    call("ssl_free_key", pkey)
    call("sock_ssl", s)
    if random(4) == 1 then call("sock_tunnel", s) end
    call("session_free", call("sock_session", s))
    ip, n = bytes("127.0.0.1")
    local rc = kit.done(call("sock_connect", s, ip, n, tls_port or port or 1, nil, 0, random(0, 3), random(-1, 3), random(0, 200)))
    if rc == 0 then
      local name, len = bytes(random(2) == 1 and "fuzz" or nil)
      local i = random(4)
      rc = kit.done(call("sock_handshake", s, name, len, random(0, 1), sessions[i], random(0, 300)))
      if rc == 0 then
        local session = call("sock_session", s)
        if session ~= nil then
          sessions[i] = ffi.gc(session, function(old) call("session_free", old) end)
        end
      end
      call("sock_ssl", s)
      p, m = bytes("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
      kit.done(call("sock_send", s, p, m, random(0, 20)))
      local out = str()
      local got = call("sock_receive", s, 1, random(0, 100), "", 0, 0, random(0, 20), out)
      if got == -2 then got = call("sock_received", s, kit.done(got), out) end
      if got == 0 then read(out) end
      if random(2) == 1 then call("sock_keepalive", s, random(0, 50), random(0, 3)) end
    end
    call("sock_free", s)
  end)
  add(WAITING, function()
    local thread = native.spawn(function() kit.in_thread() ngx.sleep(10) end)
    call("thread_kill", thread)
    call("thread_kill", require("ngx.base").cur.co)
  end)
  add(WAITING, function()
    local argv, why = ffi.new("const char *[3]", { "/bin/sh", "-c", nil }), str()
    local p = call("pipe_spawn", argv, nil, random(0, 1), why)
    if p == nil then return end
    call("pipe_pid", p)
    kit.done(call("pipe_wait", p, random(0, 20)))
    call("pipe_free", p)
  end)
  -- What was packed comes out again, or what damaged it is found.
  add(WAITING, function()
    local source = '{"a":[1,{"b":"' .. ("x"):rep(random(0, 3000)) .. '"}],"c":{"d":null}}'
    local k, packed = call("pack_new", source, #source, random(1, 9), random(0, 1)), str()
    call("pack_run", k)
    local ok = call("pack_result", k, packed) == 0
    local stream = ok and read(packed) or ""
    call("pack_free", k)
    if random(2) == 1 and #stream > 0 then
      local at = random(#stream)
      stream = stream:sub(1, at - 1) .. string.char(random(0, 255)) .. stream:sub(at + 1)
    end
    local p, n = bytes(stream)
    local u, err, cnt, whole = call("unpack_new", p, n, random(3) == 1 and 100 or 1e6, nil), str(), out_of("uint32_t"), out_of("const char *")
    if random(2) == 1 then call("unpack_run", u) else kit.done(call("unpack_begin", u)) end
    if call("unpack_result", u, err) == 0 then
      local list, items = call("unpack_sections", u, cnt), call("unpack_items", u, whole)
      for i = 0, cnt[0] - 1 do
        read(list[i].name)
        read(list[i].value)
        for j = list[i].first, list[i].first + list[i].cnt - 1 do
          local _ = ffi.string(whole[0] + items[j].off, items[j].len)
        end
      end
    else
      read(err)
    end
    call("unpack_free", u)
  end)
  add(ANYWHERE, function()
    local source, packed = '{"a":[1,{"b":2}]}', str()
    local k = call("pack_new", source, #source, 1, 0)
    call("pack_run", k)
    call("pack_result", k, packed)
    local u, whole, cnt = call("unpack_new", packed.ptr, packed.len, 1e6, nil), out_of("const char *"), out_of("uint32_t")
    call("unpack_run", u)
    if call("unpack_result", u, str()) == 0 then
      call("unpack_sections", u, cnt)
      call("unpack_items", u, whole)
    end
    call("unpack_free", u)
    call("pack_free", k)
  end)
  local function folder()
    local name = os.tmpname()
    os.remove(name)
    require("kgw.posix").mkdirs(name)
    return name
  end
  add(WAITING, function()
    local err = memory(160)
    local name = folder()
    local store = call("store_open", name, random(4) == 1 and double() or 1048576, 0, err)
    if store ~= nil then
      local batch, reason = call("batch_new", store), str()
      for _ = 1, random(0, 3) do
        local k, n = bytes()
        call("batch_put", batch, k, n, bytes())
      end
      call("store_info", store, out_of("double", 7))
      if random(2) == 1 then
        call("store_hold", store, 1)
        if random(4) == 1 then call("store_hold", store, integer()) end
        local k, n = bytes()
        local value = str()
        if call("store_get", store, k, n, value, err) == 0 then read(value) end
        call("store_hold", store, 0)
      end
      local is_closed_early = random(3) == 1
      local rc = call("batch_begin", batch)
      if is_closed_early then call("store_close", store) end
      kit.done(rc)
      if call("batch_result", batch, reason) ~= 0 then read(reason) end
      call("batch_free", batch)
      if not is_closed_early then call("store_close", store) end
    end
    os.execute("rm -rf " .. name)
  end)

  -- What spoils the process ---------------------------------------------------------------------------------

  add({ of_process }, function()
    local k = c_string()
    local p, n = bytes()
    call("boot_set", k, p, n)
    if random(10) == 1 then call("boot_clear") end
  end)
  add({ of_process }, function() return call("boot_log", "/nonexistent/" .. ffi.string(c_string()), integer()) end)
  add({ of_process }, function() return call("boot_log", "/dev/null", random(0, 8)) end)
  add({ of_process }, function() return call("self_signed_later", integer(), c_string(), integer(), c_string(), c_string()) end)
  add({ of_process }, function()
    local size = double()
    if size ~= size or size < 1e7 or size > 1e16 then
      call("dict_make", c_string(), size)
    end
  end)
  add({ of_process }, function()
    if random(20) > 1 then return end
    local name = folder()
    if random(2) == 1 then require("kgw.posix").write_file(name .. "/data.mdb", kit.text()) end
    call("store_probe", name, random(2) == 1 and 1048576 or double())
    call("store_probe", "/nonexistent/" .. ffi.string(c_string()), 1048576)
    os.execute("rm -rf " .. name)
  end)
end
