-- A forest of byte tries over path prefixes, kept in flat arrays: many roots share one set of nodes and one edge table.
-- Owned by kong.router.index, which adds (root, prefix, rank) triples at build time and collects the lists that lie
-- along a request path. Changes leave nothing half done: requests read it without any lock.
local ffi = require "ffi"
local bit = require "bit"

local band = bit.band
local collect = require("ngx.bytes").collect
local tobit = bit.tobit
local bxor = bit.bxor
local byte_at = string.byte
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
typedef struct { int32_t rank; int32_t next; int32_t slot; } kgw_trie_entry_t;
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
    nodes_max = nodes_max,
    entries = zeroed("kgw_trie_entry_t", "kgw_trie_entry_t *", prefix_cnt + 1),
    entry_cnt = 1,
    entries_max = prefix_cnt + 1,
    free_entry = 0,  -- first of those that were removed
    edges = zeroed("kgw_trie_edge_t", "kgw_trie_edge_t *", slots),
    mask = slots - 1,
    blob = zeroed("uint8_t", "uint8_t *", byte_cnt + 1),
    blob_len = 0,
    blob_max = byte_cnt,
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


local function new_entry(self, rank, slot)
  local e = self.free_entry
  if e ~= 0 then
    self.free_entry = self.entries[e].next
  else
    e = self.entry_cnt
    self.entry_cnt = e + 1
  end
  self.entries[e].rank = rank
  self.entries[e].slot = slot or 0
  return e
end


-- Adds an entry in front of its list; callers add from the highest rank to the lowest, so lists ascend. slot: what stands for
-- the entry's candidate.
function trie.add(self, root, prefix, rank, slot)
  local node = self.nodes[find_or_add_node(self, root, prefix)]
  local e = new_entry(self, rank, slot)
  self.entries[e].next = node.list
  node.list = e
  return e
end


-- Adds an entry at its place in its list.
function trie.insert(self, root, prefix, rank, slot)
  local node = self.nodes[find_or_add_node(self, root, prefix)]
  local entries = self.entries
  local e = new_entry(self, rank, slot)
  local before, after = 0, node.list
  while entries[after].rank < rank do
    before, after = after, entries[after].next
  end
  entries[e].next = after
  if before == 0 then
    node.list = e
  else
    entries[before].next = e
  end
  return e
end


local function find_node(self, root, prefix)
  local nodes, edges = self.nodes, self.edges
  local node, pos, len = root, 0, #prefix
  while pos < len do
    node = edges[find_slot(edges, self.mask, node, byte_at(prefix, pos + 1))].node
    -- What follows is the label: whoever added the prefix made these nodes.
    pos = pos + 1 + nodes[node].label_len
  end
  return pos == len and node or nil
end


-- Takes away an entry of `slot` that was added with this root and prefix; the entry, or nil.
function trie.remove(self, root, prefix, slot)
  local n = find_node(self, root, prefix)
  local entries = self.entries
  local before, e = 0, n and self.nodes[n].list or 0
  while e ~= 0 and entries[e].slot ~= slot do
    before, e = e, entries[e].next
  end
  if e == 0 then
    return nil
  end
  if before == 0 then
    self.nodes[n].list = entries[e].next
  else
    entries[before].next = entries[e].next
  end
  entries[e].next = self.free_entry
  entries[e].slot = -1
  self.free_entry = e
  return e
end


-- Whether so many more prefixes of so many bytes in all fit.
function trie.has_room(self, prefix_cnt, byte_cnt)
  return self.node_cnt + 3 * prefix_cnt <= self.nodes_max and self.entry_cnt + prefix_cnt <= self.entries_max
         and self.blob_len + byte_cnt <= self.blob_max
end


-- Gives every entry the rank that its slot has now; the order stays.
function trie.renumber(self, rank_of)
  local entries = self.entries
  for e = 1, self.entry_cnt - 1 do
    local slot = entries[e].slot
    if slot >= 0 then
      entries[e].rank = rank_of[slot]
    end
  end
end


-- Appends to `cursors` (int32_t array) the lists along `path`, and returns how many there are now. At most
-- `cursors_max` fit; the array has room for the deepest chain of prefixes (see trie.max_depth).
function trie.collect(self, root, path, len, cursors, cnt)
  return collect(self.nodes, self.edges, self.mask, self.blob, root, path, len, cursors, cnt)
end


return trie
