-- The frames of Postgres' protocol, version 3: integers, messages out and in, and what a message of the server says that is the same in
-- all phases of a connection (errors, notifications). Used by pgmoon only.
local bit = require "bit"

local band = bit.band
local byte = string.byte
local char = string.char
local concat = table.concat
local find = string.find
local rshift = bit.rshift
local sub = string.sub

local Wire = {}

-- Fields of errors and notices that have a name in the table of details.
local FIELDS = {
  S = "severity", C = "code", M = "message", P = "position", D = "detail", s = "schema", t = "table", n = "constraint",
}


--- Four bytes, big endian.
function Wire.int(n)
  return char(band(rshift(n, 24), 0xff), band(rshift(n, 16), 0xff), band(rshift(n, 8), 0xff), band(n, 0xff))
end


--- Two bytes, big endian.
function Wire.short(n)
  return char(band(rshift(n, 8), 0xff), band(n, 0xff))
end


--- The signed number in four bytes of the text.
function Wire.read_int(text, at)
  local a, b, c, d = byte(text, at, at + 3)
  return bit.tobit(a * 0x1000000 + b * 0x10000 + c * 0x100 + d)
end


--- The unsigned number in two bytes of the text.
function Wire.read_short(text, at)
  local a, b = byte(text, at, at + 1)
  return a * 0x100 + b
end


--- A message of this kind (one letter) around a string or a list of strings.
function Wire.message(kind, body)
  body = type(body) == "table" and concat(body) or body
  return kind .. Wire.int(#body + 4) .. body
end


-- n bytes; what came of them before a timeout is kept for the next call.
local function read(pg, n)
  if n == 0 then
    return ""
  end
  local part = pg.part
  local data, err, rest = pg.sock:receive(part and n - #part or n)
  if not data then
    part = (part or "") .. (rest or "")
    pg.part = part ~= "" and part or nil
    return nil, err
  end
  pg.part = nil
  return part and part .. data or data
end


--- Letter and body of the next message; nil, err. After a timeout it can be called again. limit: of the body's length, none by default.
function Wire.receive(pg, limit)
  local err
  local head = pg.head
  if not head then
    head, err = read(pg, 5)
    if not head then
      return nil, "receive_message: failed to get type: " .. err
    end
    pg.head = head
  end
  local len = Wire.read_int(head, 2) - 4
  if len < 0 or limit and len > limit then
    return nil, "receive_message: not a message of Postgres"
  end
  local body
  body, err = read(pg, len)
  if not body then
    return nil, "receive_message: failed to get body: " .. err
  end
  pg.head = nil
  return sub(head, 1, 1), body
end


--- Text of an error or notice ("SEVERITY: message (position)" and the detail on a line of its own), and a table of its fields.
function Wire.parse_error(body)
  local fields, at = {}, 1
  while at <= #body do
    local stop = find(body, "\0", at + 1, true)
    if not stop or stop == at then
      break
    end
    local name = FIELDS[sub(body, at, at)]
    if name then
      fields[name] = sub(body, at + 1, stop - 1)
    end
    at = stop + 1
  end
  local text = (fields.severity or "ERROR") .. ": " .. (fields.message or "")
  if fields.position then
    text = text .. " (" .. fields.position .. ")"
  end
  if fields.detail then
    text = text .. "\n" .. fields.detail
  end
  return text, fields
end


--- { operation = "notification", pid, channel, payload }.
function Wire.parse_notification(body)
  local channel_end = find(body, "\0", 5, true)
  local payload_end = channel_end and find(body, "\0", channel_end + 1, true)
  if not payload_end then
    error("parse_notification: failed to parse notification")
  end
  return {
    operation = "notification",
    pid = Wire.read_int(body, 1),
    channel = sub(body, 5, channel_end - 1),
    payload = sub(body, channel_end + 1, payload_end - 1),
  }
end


return Wire
