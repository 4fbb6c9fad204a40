-- Loops over bytes and lists that C runs: inside a trace they would be short inner loops, which the compiler gives up on.
local base = require "ngx.base"
local ffi = require "ffi"

local C = base.C
local slot_out = ffi.new("int32_t[1]")

local bytes = {}


-- See kong.router.trie.
function bytes.collect(nodes, edges, mask, blob, root, path, len, cursors, cnt)
  return C.kgw_ffi_trie_collect(nodes, edges, mask, blob, root, path, len, cursors, cnt)
end


-- Index of the cursor whose entry has the lowest rank and that entry's slot, or -1 when all lists have ended.
function bytes.best(entries, cursors, cnt)
  local at = C.kgw_ffi_trie_best(entries, cursors, cnt, slot_out)
  return at, slot_out[0]
end


function bytes.is_ascii(ptr, len)
  return C.kgw_ffi_is_ascii(ptr, len) ~= 0
end


return bytes
