-- Counters, gauges and histograms in the exposition format of Prometheus. Every worker counts in tables of its own
-- and adds what is new to a shared dictionary once a second, so that a request costs some table look-ups, and no lock.
-- Used by the exporter; custom plugins get it by exporter.get_prometheus(). A scrape may yield between series.
local yield = require("kong.tools.yield").yield

local ngx = ngx
local concat = table.concat
local fmt = string.format
local sort = table.sort
local tostring = tostring

local registry = { LOCAL_STORAGE = true }
registry.__index = registry

local metric_class = {}
metric_class.__index = metric_class

local SYNC_INTERVAL_S = 1
local ERRORS = "nginx_metric_errors_total"
-- Series per metric and worker; what comes later is counted under one label.
local MAX_SERIES = 20000
local OVERFLOW = "__overflow__"


-- dict_name: of a shared dictionary. prefix: begins the names of all metrics.
function registry.init(dict_name, prefix)
  local dict = ngx.shared[dict_name]
  if not dict then
    error("Dictionary '" .. dict_name .. "' does not seem to exist. Please define the dictionary using "
          .. "`lua_shared_dict`.", 2)
  end
  local self = setmetatable({ dict = dict, prefix = prefix or "", metrics = {}, by_name = {}, dirty = {}, n_dirty = 0 },
                            registry)
  self:counter(ERRORS, "Number of nginx-lua-prometheus errors")
  return self
end


local function escape(text)
  return (tostring(text):gsub('[\\"\n]', { ["\\"] = "\\\\", ['"'] = '\\"', ["\n"] = "\\n" }))
end


-- name{label="value",...}; `le` is added for buckets.
local function series_name(name, labels, values, le)
  local parts = {}
  for i = 1, #labels do
    parts[i] = fmt('%s="%s"', labels[i], escape(values[i]))
  end
  if le then
    parts[#parts + 1] = fmt('le="%s"', le)
  end
  return parts[1] and name .. "{" .. concat(parts, ",") .. "}" or name
end


local function new_series(metric, values)
  local labels = metric.labels
  local series = { delta = 0, is_dirty = false, metric = metric }
  if metric.kind == "histogram" then
    local full = metric.full_name
    series.counts, series.keys = {}, {}
    for i, bound in ipairs(metric.buckets) do
      series.keys[i] = series_name(full .. "_bucket", labels, values, tostring(bound))
      series.counts[i] = 0
    end
    series.key_inf = series_name(full .. "_bucket", labels, values, "+Inf")
    series.key_count = series_name(full .. "_count", labels, values)
    series.key_sum = series_name(full .. "_sum", labels, values)
    series.count, series.sum = 0, 0
  else
    series.key = series_name(metric.full_name, labels, values)
  end
  metric.n_series = metric.n_series + 1
  return series
end


-- The series of these label values: tables nested by one value after the other.
local function series_of(metric, values)
  local labels = metric.labels
  local n = #labels
  local node = metric.root
  if n == 0 then
    if not node[1] then
      node[1] = new_series(metric, {})
    end
    return node[1]
  end
  for i = 1, n - 1 do
    local value = values[i]
    local child = node[value]
    if not child then
      child = {}
      node[value] = child
    end
    node = child
  end
  local last = values[n]
  local series = node[last]
  if not series then
    if metric.n_series >= MAX_SERIES then
      if not metric.overflow then
        local names = {}
        for i = 1, n do
          names[i] = OVERFLOW
        end
        metric.overflow = new_series(metric, names)
      end
      return metric.overflow
    end
    series = new_series(metric, values)
    node[last] = series
  end
  return series
end


local function mark(metric, series)
  if not series.is_dirty then
    series.is_dirty = true
    local owner = metric.registry
    owner.n_dirty = owner.n_dirty + 1
    owner.dirty[owner.n_dirty] = series
  end
end


function metric_class:inc(value, values)
  local series = series_of(self, values)
  series.delta = series.delta + (value or 1)
  if not self.is_local then
    mark(self, series)
  end
end


function metric_class:set(value, values)
  local series = series_of(self, values)
  if self.is_local then
    series.delta = value
  else
    self.registry.dict:set(series.key, value)
  end
end


function metric_class:observe(value, values)
  local series = series_of(self, values)
  local buckets, counts = self.buckets, series.counts
  -- Only the first bucket that the value fits into is counted here; the sums are made when they are written.
  for i = 1, #buckets do
    if value <= buckets[i] then
      counts[i] = counts[i] + 1
      break
    end
  end
  series.count = series.count + 1
  series.sum = series.sum + value
  mark(self, series)
end


-- Forgets all series of this worker, and of all workers for metrics that are not local.
function metric_class:reset()
  self.root, self.n_series, self.overflow = {}, 0, nil
  if not self.is_local then
    for _, key in ipairs(self.registry.dict:get_keys(0)) do
      if key:match("^[^{]*") == self.full_name then
        self.registry.dict:delete(key)
      end
    end
  end
end


local function add(self, kind, name, help, labels, is_local, buckets)
  local metric = setmetatable({
    registry = self,
    kind = kind,
    full_name = self.prefix .. name,
    help = help,
    labels = labels or {},
    is_local = is_local or false,
    buckets = buckets,
    root = {},
    n_series = 0,
  }, metric_class)
  self.metrics[#self.metrics + 1] = metric
  self.by_name[metric.full_name] = metric
  return metric
end


function registry:counter(name, help, labels)
  return add(self, "counter", name, help, labels)
end


-- is_local: registry.LOCAL_STORAGE for values that are set for a scrape and belong to the worker that answers it.
function registry:gauge(name, help, labels, is_local)
  return add(self, "gauge", name, help, labels, is_local)
end


-- buckets: upper bounds, rising.
function registry:histogram(name, help, labels, buckets)
  return add(self, "histogram", name, help, labels, false, buckets)
end


local function write(self, key, delta)
  if delta == 0 then
    return
  end
  local ok, err = self.dict:incr(key, delta, 0)
  if not ok then
    kong.log.err("cannot count ", key, ": ", err)
    self.dict:incr(self.prefix .. ERRORS, 1, 0)
  end
end


local function write_histogram(self, series)
  local sum = 0
  for i = 1, #series.counts do
    sum = sum + series.counts[i]
    -- A bucket without a value has to be there too.
    if sum == 0 then
      self.dict:safe_add(series.keys[i], 0)
    else
      write(self, series.keys[i], sum)
    end
    series.counts[i] = 0
  end
  write(self, series.key_inf, series.count)
  write(self, series.key_count, series.count)
  if series.sum == 0 then
    self.dict:safe_add(series.key_sum, 0)
  else
    write(self, series.key_sum, series.sum)
  end
  series.count, series.sum = 0, 0
end


-- Brings what this worker counted to the shared dictionary.
function registry:sync()
  local dirty = self.dirty
  local n = self.n_dirty
  self.dirty, self.n_dirty = {}, 0
  for i = 1, n do
    local series = dirty[i]
    series.is_dirty = false
    if series.metric.kind == "histogram" then
      write_histogram(self, series)
    else
      write(self, series.key, series.delta)
      series.delta = 0
    end
  end
end


local function on_timer(premature, self)
  self:sync()
  return premature
end


function registry:init_worker()
  local ok, err = ngx.timer.every(SYNC_INTERVAL_S, on_timer, self)
  if not ok then
    kong.log.err("failed to create timer: ", err)
  end
  self.dict:safe_add(self.prefix .. ERRORS, 0)
end


-- Lines of local series, found by walking the nested tables.
local function collect_local(node, depth, lines)
  for _, child in pairs(node) do
    if depth > 1 then
      collect_local(child, depth - 1, lines)
    else
      lines[#lines + 1] = child.key .. " " .. tostring(child.delta)
    end
  end
  return lines
end


-- What sorts series of a histogram: by labels, buckets by their bounds, then count and sum.
local function histogram_order(key)
  local name, labels = key:match("^([^{]*)(.*)$")
  local bound = labels:match('le="([^"]*)"')
  local rest = labels:gsub(',?le="[^"]*"', "")
  local rank = bound and (bound == "+Inf" and math.huge or tonumber(bound)) or nil
  if not rank then
    rank = name:sub(-6) == "_count" and "count" or "sum"
  end
  return rest, rank
end


local function histogram_less(a, b)
  if a.rest ~= b.rest then
    return a.rest < b.rest
  elseif type(a.rank) ~= type(b.rank) then
    return type(a.rank) == "number"
  end
  return a.rank < b.rank
end


-- The series of a histogram bear its name with an ending.
local function metric_of(self, name)
  local by_name = self.by_name
  return by_name[name] or by_name[name:match("^(.*)_bucket$") or name:match("^(.*)_count$") or name:match("^(.*)_sum$")
                                  or ""]
end


-- Lines of what the dictionary holds, by the metric that they belong to.
local function collect_shared(self)
  local by_metric = {}
  local phase = ngx.get_phase()
  for _, key in ipairs(self.dict:get_keys(0)) do
    yield(true, phase)
    local metric = metric_of(self, key:match("^[^{]*"))
    local value = metric and self.dict:get(key)
    if value then
      local list = by_metric[metric]
      if not list then
        list = {}
        by_metric[metric] = list
      end
      local item = { line = key .. " " .. tostring(value) }
      if metric.kind == "histogram" then
        item.rest, item.rank = histogram_order(key)
      end
      list[#list + 1] = item
    end
  end
  return by_metric
end


local function lines_of(metric, items)
  if metric.is_local then
    local lines = collect_local(metric.root, math.max(1, #metric.labels), {})
    sort(lines)
    return lines
  end
  if not items then
    return {}
  end
  sort(items, metric.kind == "histogram" and histogram_less or function(a, b)
    return a.line < b.line
  end)
  local lines = {}
  for i, item in ipairs(items) do
    lines[i] = item.line
  end
  return lines
end


-- Writes all metrics that have series through write_fn(text). only_local: leaves out what requests are counted in.
function registry:metric_data(write_fn, only_local)
  write_fn = write_fn or ngx.print
  self:sync()
  local shared = only_local and {} or collect_shared(self)
  for _, metric in ipairs(self.metrics) do
    local lines = lines_of(metric, shared[metric])
    if lines[1] then
      write_fn(fmt("# HELP %s %s\n# TYPE %s %s\n%s\n", metric.full_name, metric.help, metric.full_name, metric.kind,
                   concat(lines, "\n")))
    end
  end
end


function registry:collect()
  ngx.header["Content-Type"] = "text/plain"
  self:metric_data()
end


return registry
