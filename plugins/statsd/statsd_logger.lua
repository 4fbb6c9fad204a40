-- Metrics in the notation of StatsD, over UDP or TCP.
-- Used by the statsd and datadog plugins, in a timer: a logger lives for one batch of entries.
local kong = kong
local ngx = ngx
local concat = table.concat
local fmt = string.format
local setmetatable = setmetatable

local logger = {
  stat_types = {
    gauge = "g", counter = "c", timer = "ms", histogram = "h", meter = "m", set = "s", distribution = "d",
  },
}
logger.__index = logger

local TCP_TIMEOUT_MS = 1000


-- conf: {host =, port =, use_tcp =, udp_packet_size =}. prefix: begins the names of metrics.
function logger.new(conf, prefix)
  local sock, ok, err
  if conf.use_tcp then
    sock = ngx.socket.tcp()
    sock:settimeout(TCP_TIMEOUT_MS)
    ok, err = sock:connect(conf.host, conf.port)
  else
    sock = ngx.socket.udp()
    ok, err = sock:setpeername(conf.host, conf.port)
  end
  if not ok then
    return nil, fmt("failed to connect to %s:%s: %s", conf.host, conf.port, err)
  end
  return setmetatable({
    socket = sock,
    where = conf.host .. ":" .. conf.port,
    prefix = prefix,
    use_tcp = conf.use_tcp,
    -- Messages are joined by line breaks up to this many bytes per datagram; 0 for none.
    packet_size = not conf.use_tcp and conf.udp_packet_size or 0,
    pending = {},
    pending_size = 0,
  }, logger)
end


local function write(self, text)
  local ok, err = self.socket:send(text)
  if not ok then
    kong.log.err("failed to send data to ", self.where, ": ", err)
  end
end


local function flush(self)
  if self.pending[1] then
    write(self, concat(self.pending, "\n"))
    self.pending, self.pending_size = {}, 0
  end
end


-- {"a=1", ...} joined; separator between name and value by the style.
local function join_tags(tags, separator)
  local list = {}
  for name, value in pairs(tags) do
    list[#list + 1] = name .. separator .. value
  end
  table.sort(list)
  return concat(list, ",")
end


local STYLES = {
  dogstatsd = function(stat, value, tags)
    return stat .. ":" .. value .. "|#" .. join_tags(tags, ":")
  end,
  influxdb = function(stat, value, tags)
    return stat .. "," .. join_tags(tags, "=") .. ":" .. value
  end,
  librato = function(stat, value, tags)
    return stat .. "#" .. join_tags(tags, "=") .. ":" .. value
  end,
  signalfx = function(stat, value, tags)
    return stat .. "[" .. join_tags(tags, "=") .. "]:" .. value
  end,
}


-- tags: {name = value} in a style, or a list of texts (Datadog's own form); nil for none.
function logger:send(stat, delta, kind, sample_rate, tags, style)
  local value = tostring(delta) .. "|" .. kind
  if sample_rate and sample_rate ~= 1 then
    value = value .. "|@" .. tostring(sample_rate)
  end
  local name = self.prefix .. "." .. stat
  local text
  if style and tags then
    text = STYLES[style](name, value, tags)
  elseif tags and tags[1] then
    text = name .. ":" .. value .. "|#" .. concat(tags, ",")
  else
    text = name .. ":" .. value
  end

  if self.use_tcp then
    return write(self, text .. "\n")
  elseif self.packet_size == 0 then
    return write(self, text)
  end
  if self.pending_size + #text > self.packet_size then
    flush(self)
  end
  self.pending[#self.pending + 1] = text
  self.pending_size = self.pending_size + #text + 1
end


function logger:close()
  flush(self)
  if self.use_tcp then
    self.socket:setkeepalive()
  else
    self.socket:close()
  end
end


return logger
