-- require "resty.websocket.protocol": WebSocket frames (RFC 6455) over any socket with send and receive.
local ffi = require "ffi"
local bit = require "bit"

local band, bor, bxor, lshift, rshift = bit.band, bit.bor, bit.bxor, bit.lshift, bit.rshift
local byte = string.byte
local char = string.char
local find = string.find
local random = math.random
local sub = string.sub
local tostring = tostring
local type = type

local TYPES = { [0x0] = "continuation", [0x1] = "text", [0x2] = "binary", [0x8] = "close", [0x9] = "ping", [0xa] = "pong" }
local CONTROL_MAX = 125

local Protocol = { _VERSION = "0.11" }

local buffer, buffer_size = nil, 0
local mask = ffi.new("uint8_t[4]")


-- Payload with the mask (its 4 bytes) applied.
local function apply_mask(payload, a, b, c, d)
  local n = #payload
  if n > buffer_size then
    buffer_size = n < 4096 and 4096 or n
    buffer = ffi.new("uint8_t[?]", buffer_size)
  end
  mask[0], mask[1], mask[2], mask[3] = a, b, c, d
  ffi.copy(buffer, payload, n)
  for i = 0, n - 1 do
    buffer[i] = bxor(buffer[i], mask[band(i, 3)])
  end
  local text = ffi.string(buffer, n)
  if buffer_size > 1048576 then
    buffer, buffer_size = nil, 0
  end
  return text
end


-- length of the payload, or nil, nil, err.
local function read_length(sock, len)
  if len < 126 then
    return len
  end
  local size = len == 126 and 2 or 8
  local data, err = sock:receive(size)
  if not data then
    return nil, "failed to receive the " .. size .. " byte payload length: " .. (err or "unknown")
  end
  if size == 2 then
    return bor(lshift(byte(data, 1), 8), byte(data, 2))
  end
  if byte(data, 1) ~= 0 or byte(data, 2) ~= 0 or byte(data, 3) ~= 0 or byte(data, 4) ~= 0 then
    return nil, "payload len too large"
  end
  local a, b, c, d = byte(data, 5, 8)
  if band(a, 0x80) ~= 0 then
    return nil, "payload len too large"
  end
  return bor(lshift(a, 24), lshift(b, 16), lshift(c, 8), d)
end


-- The payload, or nil, err.
local function read_payload(sock, len, is_masked)
  local total = len + (is_masked and 4 or 0)
  if total == 0 then
    return ""
  end
  local data, err = sock:receive(total)
  if not data then
    return nil, "failed to read masking-len and payload: " .. (err or "unknown")
  end
  if is_masked then
    return apply_mask(sub(data, 5), byte(data, 1, 4))
  end
  return data
end


local function close_frame(payload, len)
  if len == 0 then
    return "", "close", nil
  end
  if len < 2 then
    return nil, nil, "close frame with a body must carry a 2-byte status code"
  end
  local code = bor(lshift(byte(payload, 1), 8), byte(payload, 2))
  return sub(payload, 3), "close", code
end


--- payload, type, nil (or "again": more frames of the message follow; for "close": its status code); nil, nil, err.
function Protocol.recv_frame(sock, max_payload_len, force_masking)
  local data, err = sock:receive(2)
  if not data then
    return nil, nil, "failed to receive the first 2 bytes: " .. (err or "unknown")
  end
  local first, second = byte(data, 1, 2)
  local fin, opcode, is_masked = band(first, 0x80) ~= 0, band(first, 0x0f), band(second, 0x80) ~= 0
  if band(first, 0x70) ~= 0 then
    return nil, nil, "bad RSV1, RSV2, or RSV3 bits"
  elseif not TYPES[opcode] then
    return nil, nil, opcode < 8 and "reserved non-control frames" or "reserved control frames"
  elseif force_masking and not is_masked then
    return nil, nil, "frame unmasked"
  end
  local len
  len, err = read_length(sock, band(second, 0x7f))
  if not len then
    return nil, nil, err
  end
  if opcode >= 8 and len > CONTROL_MAX then
    return nil, nil, "too long payload for control frame"
  elseif opcode >= 8 and not fin then
    return nil, nil, "fragmented control frame"
  elseif len > max_payload_len then
    return nil, nil, "exceeding max payload len"
  end
  local payload
  payload, err = read_payload(sock, len, is_masked)
  if not payload then
    return nil, nil, err
  elseif opcode == 8 then
    return close_frame(payload, len)
  end
  return payload, TYPES[opcode], not fin and "again" or nil
end


--- A frame as bytes.
function Protocol.build_frame(fin, opcode, payload_len, payload, masking)
  local first = fin and bor(0x80, opcode) or opcode
  local flag = masking and 0x80 or 0
  local head
  if payload_len <= 125 then
    head = char(first, bor(flag, payload_len))
  elseif payload_len <= 65535 then
    head = char(first, bor(flag, 126), rshift(payload_len, 8), band(payload_len, 0xff))
  elseif payload_len <= 0x7fffffff then
    head = char(first, bor(flag, 127), 0, 0, 0, 0, band(rshift(payload_len, 24), 0xff), band(rshift(payload_len, 16), 0xff),
      band(rshift(payload_len, 8), 0xff), band(payload_len, 0xff))
  else
    return nil, "payload too big"
  end
  if not masking then
    return head .. payload
  end
  local a, b, c, d = random(0, 255), random(0, 255), random(0, 255), random(0, 255)
  return head .. char(a, b, c, d) .. apply_mask(payload, a, b, c, d)
end


--- Bytes sent, or nil, err.
function Protocol.send_frame(sock, fin, opcode, payload, max_payload_len, masking)
  if not payload then
    payload = ""
  elseif type(payload) ~= "string" then
    payload = tostring(payload)
  end
  local len = #payload
  if len > max_payload_len then
    return nil, "payload too big"
  end
  if opcode >= 8 then
    if len > CONTROL_MAX then
      return nil, "too much payload for control frame"
    elseif not fin then
      return nil, "fragmented control frame"
    end
  end
  local frame, err = Protocol.build_frame(fin, opcode, len, payload, masking)
  if not frame then
    return nil, "failed to build frame: " .. err
  end
  local bytes
  bytes, err = sock:send(frame)
  if not bytes then
    return nil, "failed to send frame: " .. err
  end
  return bytes
end


-- What is sent with one opcode each.
local function add_senders(class)
  function class.send_text(self, data)
    return self:send_frame(true, 0x1, data)
  end


  function class.send_binary(self, data)
    return self:send_frame(true, 0x2, data)
  end


  function class.send_ping(self, data)
    return self:send_frame(true, 0x9, data)
  end


  function class.send_pong(self, data)
    return self:send_frame(true, 0xa, data)
  end


  function class.send_close(self, code, message)
    local payload
    if code then
      if type(code) ~= "number" or code > 0x7fff then
        return nil, "bad status code"
      end
      payload = char(band(rshift(code, 8), 0xff), band(code, 0xff)) .. (message or "")
    end
    return self:send_frame(true, 0x8, payload)
  end
end


--- The methods that both ends share; `masks(self)` and `is_server` tell them apart.
function Protocol.methods(class, masks, is_server)
  function class.set_timeout(self, ms)
    if not self.sock then
      return nil, nil, "not initialized yet"
    end
    return self.sock:settimeout(ms)
  end


  function class.recv_frame(self)
    if self.fatal then
      return nil, nil, "fatal error already happened"
    elseif not self.sock then
      return nil, nil, "not initialized yet"
    end
    local data, kind, err = Protocol.recv_frame(self.sock, self.max_payload_len, is_server)
    if not data and not find(err, ": timeout", 1, true) then
      self.fatal = true
    end
    return data, kind, err
  end


  function class.send_frame(self, fin, opcode, payload)
    if self.fatal then
      return nil, "fatal error already happened"
    elseif self.closed then
      return nil, "already closed"
    elseif not self.sock then
      return nil, "not initialized yet"
    end
    local bytes, err = Protocol.send_frame(self.sock, fin, opcode, payload, self.max_payload_len, masks(self))
    if not bytes then
      self.fatal = true
    end
    return bytes, err
  end


  add_senders(class)
end


return Protocol
