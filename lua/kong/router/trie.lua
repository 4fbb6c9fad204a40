-- A forest of byte tries over path prefixes, kept in flat arrays: many roots share one set of nodes and one edge table.
-- Owned by kong.router.index, which adds (root, prefix, rank) triples at build time and collects the lists that lie
-- along a request path. Must never be changed after the build: requests read it without any lock.
local ffi = require "ffi"
local bit = require "bit"

local band = bit.band
local collect = require("ngx.bytes").collect
local tobit = bit.tobit
local bxor = bit.bxor
local rshift = bit.rshift

local trie = {}


ffi.cdef [[
void *calloc(size_t n, size_t size);
void free(void *p);
typedef struct {
  int32_t label;      /* offset in the byte blob of what follows the edge's byte */
  int32_t label_len;
  int32_t list;       /* first entry that ends here, 0 for none */
  int32_t has_edges;
} kgw_trie_node_t;
typedef struct { int32_t rank; int32_t next; } kgw_trie_entry_t;
typedef struct { uint32_t key; int32_t node; } kgw_trie_edge_t;
]]

-- Larger than any rank: the end of every list.
local END_RANK = 0x7fffffff
-- Node numbers and a byte share one 32 bit key.
local MAX_NODES = 0xfffffe


local function slot_of(key, mask)
  local h = bxor(key, rshift(key, 15))
  h = tobit(h * 0x9e35)
  return band(bxor(h, rshift(h, 13)), mask)
end


-- Zeroed memory outside the collector's heap: pages of a large index come when they are used, and its size does not
-- make the collector hurry.
local function zeroed(ctype, pointer, n)
  local memory = ffi.C.calloc(n, ffi.sizeof(ctype))
  if memory == nil then
    error("not enough memory", 0)
  end
  return ffi.gc(ffi.cast(pointer, memory), ffi.C.free)
end


-- Room for `prefix_cnt` additions of `byte_cnt` bytes in all; both are upper bounds.
function trie.new(prefix_cnt, byte_cnt)
  local nodes_max = 3 * prefix_cnt + 2
  if nodes_max > MAX_NODES then
    return nil, "too many paths for one router"
  end
  local slots = 16
  while slots < 2 * nodes_max do
    slots = slots * 2
  end

  local self = {
    nodes = zeroed("kgw_trie_node_t", "kgw_trie_node_t *", nodes_max),
    node_cnt = 1,
    entries = zeroed("kgw_trie_entry_t", "kgw_trie_entry_t *", prefix_cnt + 1),
    entry_cnt = 1,
    edges = zeroed("kgw_trie_edge_t", "kgw_trie_edge_t *", slots),
    mask = slots - 1,
    blob = zeroed("uint8_t", "uint8_t *", byte_cnt + 1),
    blob_len = 0,
  }
  -- Entry 0 ends every list and points to itself, so a cursor needs no test for the end.
  self.entries[0].rank = END_RANK
  return self
end


local function new_node(self, label, label_len)
  local n = self.node_cnt
  self.node_cnt = n + 1
  local node = self.nodes[n]
  node.label = label
  node.label_len = label_len
  return n
end


function trie.new_root(self)
  return new_node(self, 0, 0)
end


-- Index of the edge's slot; its node is 0 when there is no such edge yet.
local function find_slot(edges, mask, node, byte)
  local key = node * 256 + byte
  local i = slot_of(tobit(key), mask)
  while edges[i].node ~= 0 and edges[i].key ~= key do
    i = band(i + 1, mask)
  end
  return i, key
end


-- Cuts `node` so that its first `keep` label bytes become a node of their own in front of it.
local function split(self, slot, node, keep)
  local edges = self.edges
  local old = self.nodes[node]
  local upper = new_node(self, old.label, keep)
  local byte = self.blob[old.label + keep]
  edges[slot].node = upper

  local i, key = find_slot(edges, self.mask, upper, byte)
  edges[i].key = key
  edges[i].node = node
  self.nodes[upper].has_edges = 1
  old.label = old.label + keep + 1
  old.label_len = old.label_len - keep - 1
  return upper
end


local function find_or_add_node(self, root, prefix)
  local blob, start, len = self.blob, self.blob_len, #prefix
  ffi.copy(blob + start, prefix, len)
  local nodes, edges, mask = self.nodes, self.edges, self.mask
  local node, pos = root, 0

  while pos < len do
    local slot, key = find_slot(edges, mask, node, blob[start + pos])
    pos = pos + 1
    local child = edges[slot].node
    if child == 0 then
      child = new_node(self, start + pos, len - pos)
      edges[slot].key = key
      edges[slot].node = child
      nodes[node].has_edges = 1
      self.blob_len = start + len
      return child
    end

    local label, label_len, same = nodes[child].label, nodes[child].label_len, 0
    while same < label_len and pos < len and blob[label + same] == blob[start + pos] do
      same = same + 1
      pos = pos + 1
    end
    if same < label_len then
      child = split(self, slot, child, same)
    end
    node = child
  end
  return node
end


-- Adds an entry in front of its list; callers add from the highest rank to the lowest, so lists ascend.
function trie.add(self, root, prefix, rank)
  local node = self.nodes[find_or_add_node(self, root, prefix)]
  local e = self.entry_cnt
  self.entry_cnt = e + 1
  local entry = self.entries[e]
  entry.rank = rank
  entry.next = node.list
  node.list = e
  return e
end


-- Appends to `cursors` (int32_t array) the lists along `path`, and returns how many there are now. At most
-- `cursors_max` fit; the array has room for the deepest chain of prefixes (see trie.max_depth).
function trie.collect(self, root, path, len, cursors, cnt)
  return collect(self.nodes, self.edges, self.mask, self.blob, root, path, len, cursors, cnt)
end


return trie
