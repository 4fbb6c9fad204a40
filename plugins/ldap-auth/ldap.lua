-- As much of LDAP as a simple bind and StartTLS take (RFC 4511, BER encoding of X.690).
-- Used by the handler with a connected cosocket. Must never read past one message.
local char = string.char
local byte = string.byte
local fmt = string.format

local ldap = {}

local INTEGER, ENUMERATED, OCTETS, SEQUENCE = 0x02, 0x0a, 0x04, 0x30
local BIND_REQUEST, BIND_RESPONSE, EXTENDED_REQUEST, EXTENDED_RESPONSE = 0x60, 0x61, 0x77, 0x78
local SIMPLE, REQUEST_NAME = 0x80, 0x80
local START_TLS = "1.3.6.1.4.1.1466.20037"
local MAX_MESSAGE = 65536

local MESSAGES = {
  [1] = "Initialization of LDAP library failed.",
  [4] = "Size limit exceeded.",
  [13] = "Confidentiality required",
  [32] = "No such object",
  [34] = "Invalid DN",
  [49] = "The supplied credential is invalid.",
}

local message_id = 0


local function encode(tag, content)
  local n = #content
  if n < 128 then
    return char(tag, n) .. content
  elseif n < 256 then
    return char(tag, 0x81, n) .. content
  end
  return char(tag, 0x82, math.floor(n / 256), n % 256) .. content
end


local function integer(n)
  local bytes = ""
  repeat
    bytes = char(n % 256) .. bytes
    n = math.floor(n / 256)
  until n == 0
  if byte(bytes) > 127 then
    bytes = "\0" .. bytes
  end
  return encode(INTEGER, bytes)
end


-- tag, content, position after it; nil when the text ends too early.
local function decode(text, at)
  local tag, n = byte(text, at, at + 1)
  if not n then
    return nil
  end
  at = at + 2
  if n > 127 then
    local count = n - 128
    n = 0
    for i = at, at + count - 1 do
      local digit = byte(text, i)
      if not digit then
        return nil
      end
      n = n * 256 + digit
    end
    at = at + count
  end
  if at + n - 1 > #text then
    return nil
  end
  return tag, text:sub(at, at + n - 1), at + n
end


-- One whole message from the socket.
local function read(sock)
  local head, err = sock:receive(2)
  if not head then
    return nil, err
  end
  local n = byte(head, 2)
  if n > 127 then
    local more
    more, err = sock:receive(n - 128)
    if not more then
      return nil, err
    end
    head = head .. more
    n = 0
    for i = 1, #more do
      n = n * 256 + byte(more, i)
    end
  end
  if n > MAX_MESSAGE then
    return nil, "message is too large"
  end
  local body
  body, err = sock:receive(n)
  if not body then
    return nil, err
  end
  return head .. body
end


-- The result code and the diagnostic message of a response of the expected kind.
local function parse_result(text, expected)
  local tag, content = decode(text, 1)
  if tag ~= SEQUENCE then
    return nil, nil, "Invalid LDAP message encoding"
  end
  local _, _, at = decode(content, 1)
  local op, result = decode(content, at or 1)
  if op ~= expected then
    return nil, nil, fmt("Received incorrect Op in packet: %d, expected %d", (op or 0) % 32, expected % 32)
  end
  local kind, code
  kind, code, at = decode(result, 1)
  if kind ~= ENUMERATED or #code ~= 1 then
    return nil, nil, "Invalid LDAP message encoding"
  end
  local _, _, after_dn = decode(result, at)
  local _, diagnostic = decode(result, after_dn or #result + 1)
  return byte(code), diagnostic or ""
end


local function exchange(sock, operation, expected)
  message_id = message_id % 0x7fffffff + 1
  local sent, err = sock:send(encode(SEQUENCE, integer(message_id) .. operation))
  if not sent then
    return nil, err
  end
  local text
  text, err = read(sock)
  if not text then
    return nil, err
  end
  local code, diagnostic
  code, diagnostic, err = parse_result(text, expected)
  if not code then
    return false, err
  end
  if code ~= 0 then
    local message = MESSAGES[code] or "Unknown error occurred (code: " .. code .. ")"
    return false, fmt("\n  Error: %s\n  Details: %s", message, diagnostic)
  end
  return true
end


-- true; false and why the directory refused; nil and an error of the connection.
function ldap.bind_request(sock, dn, password)
  local content = integer(3) .. encode(OCTETS, dn) .. encode(SIMPLE, password)
  return exchange(sock, encode(BIND_REQUEST, content), BIND_RESPONSE)
end


function ldap.start_tls(sock)
  return exchange(sock, encode(EXTENDED_REQUEST, encode(REQUEST_NAME, START_TLS)), EXTENDED_RESPONSE)
end


return ldap
