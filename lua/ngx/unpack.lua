-- A configuration message cut into its entities off the loop (runtime/vm/unpack.h), and gzip for the way back.
local ffi = require "ffi"
local base = require "ngx.base"

local C = base.C
local band = require("bit").band
local text = base.text
local tonumber = tonumber
local fstring = ffi.string

local err_out = base.new_str()
local count = ffi.new("uint32_t[1]")
local text_out = ffi.new("const char *[1]")

local unpacked = {}
unpacked.__index = unpacked


-- payload: gzip or JSON. max: bytes that the JSON may have. `blocks`: in place, without waiting (before there is a loop).
-- The unpacked message, or nil, err.
function unpacked.new(payload, max, blocks)
  local handle = C.kgw_ffi_unpack_new(payload, #payload, max)
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


-- members: name -> JSON text of the message's own members. sections: array of {name, json} or, for arrays, {name, first, cnt}.
function unpacked:read_sections()
  local list = C.kgw_ffi_unpack_sections(self.handle, count)
  for i = 0, count[0] - 1 do
    local s = list[i]
    local name = text(s.name)
    if s.depth == 0 then
      self.members[name] = name ~= "config_table" and text(s.value) or true
    elseif s.kind == 0x5b then
      self.sections[#self.sections + 1] = { name = name, first = s.first, cnt = s.cnt }
    else
      self.sections[#self.sections + 1] = { name = name, json = text(s.value) }
    end
  end
  self.items = C.kgw_ffi_unpack_items(self.handle, text_out)
  self.text = text_out[0]
end


-- The hash of the i-th item (0-based, over all sections): a number unique enough to tell whether its bytes changed.
-- 53 bits of XXH3 fit a Lua number without allocation.
function unpacked:hash(i)
  return tonumber(self.items[i].hash % 9007199254740992ULL)
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


-- gzip of a text, in a helper thread when the phase may wait; nil, err. level: of zlib, default 6.
local function gzip(payload, level)
  local handle = C.kgw_ffi_pack_new(payload, #payload, level or 6)
  if handle == nil then
    return nil, "out of memory"
  end
  handle = ffi.gc(handle, C.kgw_ffi_pack_free)
  if band(base.cur.phase, base.YIELDABLE) == 0 then
    C.kgw_ffi_pack_run(handle)
  elseif C.kgw_ffi_pack_begin(handle) == base.AGAIN then
    base.wait()
  end
  local packed = C.kgw_ffi_pack_result(handle, err_out) == base.OK and text(err_out) or nil
  C.kgw_ffi_pack_free(ffi.gc(handle, nil))
  return packed, not packed and "cannot compress" or nil
end


return { new = unpacked.new, gzip = gzip }
