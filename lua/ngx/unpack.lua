-- A configuration message cut into its entities off the loop (runtime/vm/unpack.h), and gzip for the way back.
local ffi = require "ffi"
local base = require "ngx.base"

local C = base.C
local band = require("bit").band
local concat = table.concat
local text = base.text
local fstring = ffi.string

local err_out = base.new_str()
local count = ffi.new("uint32_t[1]")
local text_out = ffi.new("const char *[1]")
local trailer = ffi.new("uint32_t[2]")

local GZIP_HEAD = "\x1f\x8b\8\0\0\0\0\0\4\255"
local GZIP_END = "\3\0"  -- a last block without content
local SMALL = 64 * 1024

local unpacked = {}
unpacked.__index = unpacked


-- payload: gzip or JSON. max: bytes that the JSON may have. `blocks`: in place, without waiting (before there is a loop). base: a
-- message (kept) to compare with. The unpacked message, or nil, err.
function unpacked.new(payload, max, blocks, base_message)
  local handle = C.kgw_ffi_unpack_new(payload, #payload, max, base_message and base_message.handle)
  if handle == nil then
    return nil, "out of memory"
  end
  handle = ffi.gc(handle, C.kgw_ffi_unpack_free)
  if blocks then
    C.kgw_ffi_unpack_run(handle)
  elseif C.kgw_ffi_unpack_begin(handle) == base.AGAIN then
    base.wait()
  else
    return nil, "cannot start a helper thread"
  end
  if C.kgw_ffi_unpack_result(handle, err_out) ~= base.OK then
    return nil, text(err_out)
  end
  local self = setmetatable({ handle = handle, members = {}, sections = {} }, unpacked)
  self:read_sections()
  return self
end


-- members: name -> JSON text of the message's own members. sections: array of {name, json} or, for arrays, {name, first, cnt,
-- base_cnt, prefix, suffix}: of the base_cnt items that the base has there, the first and the last so many are the same here.
function unpacked:read_sections()
  local list = C.kgw_ffi_unpack_sections(self.handle, count)
  for i = 0, count[0] - 1 do
    local s = list[i]
    local name = text(s.name)
    if s.depth == 0 then
      self.members[name] = name ~= "config_table" and text(s.value) or true
    elseif s.kind == 0x5b then
      self.sections[#self.sections + 1] = {
        name = name, first = s.first, cnt = s.cnt, base_cnt = s.base_cnt, prefix = s.prefix, suffix = s.suffix,
      }
    else
      self.sections[#self.sections + 1] = { name = name, json = text(s.value) }
    end
  end
  self.items = C.kgw_ffi_unpack_items(self.handle, text_out)
  self.text = text_out[0]
end


-- Where the i-th item (0-based, over all sections), one between prefix and suffix, stands in the base's section: from 1; 0: nowhere.
function unpacked:prev(i)
  return self.items[i].prev
end


-- The JSON text of the i-th item.
function unpacked:json(i)
  local item = self.items[i]
  return fstring(self.text + item.off, item.len)
end


function unpacked:free()
  if self.handle then
    C.kgw_ffi_unpack_free(ffi.gc(self.handle, nil))
    self.handle, self.items, self.text = nil, nil, nil
  end
end


-- Drops everything but what a later message is compared with.
function unpacked:keep()
  C.kgw_ffi_unpack_keep(self.handle)
  self.members, self.sections, self.items, self.text = nil, nil, nil, nil
end


local function packed(payload, level, is_part)
  local handle = C.kgw_ffi_pack_new(payload, #payload, level or 6, is_part)
  if handle == nil then
    return nil, "out of memory"
  end
  handle = ffi.gc(handle, C.kgw_ffi_pack_free)
  -- A small part is done before a thread would have begun.
  if band(base.cur.phase, base.YIELDABLE) == 0 or #payload < SMALL then
    C.kgw_ffi_pack_run(handle)
  elseif C.kgw_ffi_pack_begin(handle) == base.AGAIN then
    base.wait()
  end
  local out = C.kgw_ffi_pack_result(handle, err_out) == base.OK and text(err_out) or nil
  local crc = C.kgw_ffi_pack_crc(handle)
  C.kgw_ffi_pack_free(ffi.gc(handle, nil))
  if not out then
    return nil, "cannot compress"
  end
  return out, nil, crc
end


-- gzip of a text, in a helper thread when the phase may wait; nil, err. level: of zlib, default 6.
local function gzip(payload, level)
  local out, err = packed(payload, level, 0)
  return out, err
end


-- A piece of a text for gzip_of_parts: {deflated, crc, len}, or nil, err.
local function gzip_part(piece, level)
  local out, err, crc = packed(piece, level, 1)
  return out and { deflated = out, crc = crc, len = #piece }, err
end


-- The gzip of a text whose pieces were packed before, each by gzip_part.
local function gzip_of_parts(parts)
  local out, crc, len = { GZIP_HEAD }, 0, 0
  for i = 1, #parts do
    local part = parts[i]
    out[i + 1] = part.deflated
    crc = C.kgw_ffi_pack_crc_of_both(crc, part.crc, part.len)
    len = len + part.len
  end
  out[#out + 1] = GZIP_END
  trailer[0], trailer[1] = crc, len % 2 ^ 32
  out[#out + 1] = fstring(trailer, 8)
  return concat(out)
end


return { new = unpacked.new, gzip = gzip, gzip_part = gzip_part, gzip_of_parts = gzip_of_parts }
