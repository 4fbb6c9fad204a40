-- The *_listen properties: text to lists of listeners, as the Admin API shows them and as the C side needs them.
local strip = require("kong.conf.file").strip

local fmt = string.format

-- Flags as Lua patterns, in the order in which a listener's text repeats them.
local HTTP_FLAGS = {
  "ssl", "http2", "proxy_protocol", "deferred", "bind", "reuseport", "backlog=%d+", "ipv6only=on", "ipv6only=off",
  "so_keepalive=on", "so_keepalive=off", "so_keepalive=%w*:%w*:%d*",
}
local STREAM_FLAGS = {
  "udp", "ssl", "proxy_protocol", "bind", "reuseport", "backlog=%d+", "ipv6only=on", "ipv6only=off",
  "so_keepalive=on", "so_keepalive=off", "so_keepalive=%w*:%w*:%d*",
}
local SHOWN_FLAGS = {
  http = "[ssl] [http2] [proxy_protocol] [deferred] [bind] [reuseport] [backlog=%d+] [ipv6only=on] [ipv6only=off] "
      .. "[so_keepalive=on] [so_keepalive=off] [so_keepalive=%w*:%w*:%d*]",
  stream = "[udp] [ssl] [proxy_protocol] [bind] [reuseport] [backlog=%d+] [ipv6only=on] [ipv6only=off] "
      .. "[so_keepalive=on] [so_keepalive=off] [so_keepalive=%w*:%w*:%d*]",
}


local function split_address(text)
  if text:sub(1, 5) == "unix:" then
    return text, 0
  end
  local ip, port = text:match("^(%[[%x:%.]+%]):(%d+)$")
  if not ip then
    ip, port = text:match("^([%w%.%-_%*]+):(%d+)$")
  end
  port = tonumber(port)
  if not port or port > 65535 then
    return nil
  end
  return ip == "*" and "0.0.0.0" or ip, port
end


-- "backlog=16384" -> "backlog", "16384"
local function note_detail(details, flag)
  local name, value = flag:match("^([%w_]+)=(.*)$")
  details[name or flag] = value or true
end


-- One entry. Returns listener, details or nil.
local function parse_entry(entry, flags)
  local words = {}
  for word in entry:gmatch("%S+") do
    words[#words + 1] = word
  end
  local ip, port = split_address(words[1] or "")
  if not ip then
    return nil
  end
  local listener, details, given = { ip = ip, port = port }, { ip = ip, port = port }, {}
  for _, pattern in ipairs(flags) do
    listener[pattern] = false
  end
  for i = 2, #words do
    local known
    for _, pattern in ipairs(flags) do
      if words[i]:match("^" .. pattern .. "$") then
        known = pattern
      end
    end
    if not known then
      return nil
    end
    listener[known] = true
    given[known] = words[i]
    note_detail(details, words[i])
  end
  local text = { ip:sub(1, 5) == "unix:" and ip or ip .. ":" .. port }
  for _, pattern in ipairs(flags) do
    text[#text + 1] = given[pattern]
  end
  listener.listener = table.concat(text, " ")
  return listener, details
end


--- Parses the list of a property. Returns listeners, details or nil, err. "off" gives empty lists.
local function parse(name, list, subsystem)
  local flags = subsystem == "stream" and STREAM_FLAGS or HTTP_FLAGS
  local listeners, details = {}, {}
  if #list == 0 or strip(list[1]) == "off" then
    return listeners, details
  end
  for i, entry in ipairs(list) do
    local listener, detail = parse_entry(entry, flags)
    if not listener then
      return nil, fmt("%s must be of form: [off] | <ip>:<port> %s, [... next entry ...]", name, SHOWN_FLAGS[subsystem])
    end
    listeners[i], details[i] = listener, detail
  end
  return listeners, details
end


return { parse = parse }
