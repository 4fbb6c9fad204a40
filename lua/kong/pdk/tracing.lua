-- kong.tracing: the tracer of the gateway's own spans (a mute one unless tracing_instrumentations names some), and tracers
-- of plugins' own. A request's spans hang on ngx.ctx.
local phases = require "kong.pdk.private.phases"
local span = require "kong.pdk.private.span"
local tracing_context = require "kong.observability.tracing.tracing_context"

local byte = string.byte
local check_phase = phases.check
local error = error
local ngx = ngx
local setmetatable = setmetatable
local type = type

local LOG = phases.phases.log
local SAMPLED_BYTES = 8
local TRACED_PHASES = {
  ssl_cert = true,
  rewrite = true,
  access = true,
  header_filter = true,
  body_filter = true,
  log = true,
  content = true,
}

local tracer_mt = {}
tracer_mt.__index = tracer_mt

-- By namespace and name.
local tracers = {}


local function nothing()
end


local function noop_span()
  return span.noop
end


-- The first eight bytes of the trace id as a little-endian number decide, so all parts of a trace decide alike.
local function new_sampler(default_rate)
  return function(trace_id, rate)
    rate = rate or default_rate
    if type(rate) ~= "number" then
      return nil, "invalid fraction"
    end
    if rate >= 1 then
      return true
    end
    if rate <= 0 then
      return false
    end
    if #trace_id < SAMPLED_BYTES then
      return nil, "sampling needs trace ID to be longer than " .. SAMPLED_BYTES .. " bytes to work"
    end
    local value = 0
    for i = SAMPLED_BYTES, 1, -1 do
      value = value * 256 + byte(trace_id, i)
    end
    return value < rate * 2 ^ 64
  end
end


local noop_tracer = {
  name = "noop",
  spans_table_key = "noop",
  start_span = noop_span,
  create_span = noop_span,
  link_span = nothing,
  active_span = nothing,
  set_active_span = nothing,
  init_spans = nothing,
  get_spans = nothing,
  get_root_span = nothing,
  process_span = nothing,
  set_should_sample = nothing,
  get_sampling_decision = nothing,
}


local function is_traced_phase()
  return TRACED_PHASES[ngx.get_phase()] ~= nil
end


-- Functions over the spans of one tracer in the running request.
local function add_spans(self, namespace)
  local active_key, spans_key = namespace .. "_active_span", namespace .. "_SPANS"
  self.active_span_key, self.spans_table_key = active_key, spans_key

  function self.active_span()
    return is_traced_phase() and ngx.ctx[active_key] or nil
  end

  function self.set_active_span(one)
    if not is_traced_phase() then
      return
    end
    if one then
      one.active = true
    end
    ngx.ctx[active_key] = one
  end

  function self.init_spans()
    local spans = { [0] = 0 }
    ngx.ctx[spans_key] = spans
    return spans
  end

  function self.get_spans()
    return ngx.ctx[spans_key] or self.init_spans()
  end

  function self.get_root_span()
    return self.get_spans()[1]
  end

  -- Calls fn(span, ...) for each finished, sampled span of the request; in the log phase only.
  function self.process_span(fn, ...)
    check_phase(LOG)
    if type(fn) ~= "function" then
      error("processor must be a function", 2)
    end
    local spans = ngx.ctx[spans_key]
    for i = 1, spans and spans[0] or 0 do
      local one = spans[i]
      if one.tracer and one.tracer.name == self.name then
        fn(one, ...)
      end
    end
  end

  function self.set_should_sample(_, should_sample)
    local spans = ngx.ctx[spans_key]
    for i = 1, spans and spans[0] or 0 do
      if spans[i].is_recording ~= false then
        spans[i].should_sample = should_sample
      end
    end
  end
end


local function add_starters(self)
  function self.create_span(...)
    return span.create(...)
  end

  function self.link_span(...)
    return span.link(...)
  end

  function self.start_span(name, options)
    if not is_traced_phase() then
      return span.noop
    end
    if type(name) ~= "string" or name == "" then
      error("invalid span name", 2)
    end
    span.check_options(options, 2)
    return span.link(self, span.create(self, options), name, options)
  end

  -- What a parent says that does not sample, else by the plugin's rate or the gateway's. Never when the gateway traces
  -- nothing itself.
  function self.get_sampling_decision(_, parent_should_sample, plugin_rate)
    local root = self.get_root_span()
    if not root or root.attributes and root.attributes["kong.propagation_only"] then
      return false
    end
    local trace_id = tracing_context.get_raw_trace_id()
    if parent_should_sample == false or not trace_id then
      return parent_should_sample == true
    end
    local sampled, err = self.sampler(trace_id, plugin_rate or kong.configuration.tracing_sampling_rate)
    if err then
      ngx.log(ngx.ERR, "sampler failure: ", err)
    end
    return sampled == true
  end
end


-- The tracer of that name, made when it is new. options: noop, sampling_rate, namespace.
local function new_tracer(name, options)
  name = name or "default"
  if options and options.noop then
    return noop_tracer
  end
  local namespace = options and options.namespace or "KONG"
  local key = namespace .. "_" .. name
  local self = tracers[key]
  if self then
    return self
  end
  self = { name = name, sampler = new_sampler(options and options.sampling_rate or 1) }
  add_spans(self, namespace)
  add_starters(self)
  setmetatable(self, tracer_mt)
  tracers[key] = self
  return self
end


tracer_mt.new = new_tracer


function tracer_mt:__call(...)
  return self.new(...)
end


-- Makes another tracer the gateway's own.
local function set_global_tracer(self, tracer)
  if type(tracer) ~= "table" or getmetatable(tracer) ~= tracer_mt then
    error("invalid tracer", 2)
  end
  for name, value in pairs(tracer) do
    self[name] = value
  end
end


local facade_mt = {
  __call = function(self, ...)
    return self.new(...)
  end,
}


return {
  new = function(kong)
    local self = {}
    for name, value in pairs(noop_tracer) do
      self[name] = value
    end
    self.new = new_tracer
    self.set_global_tracer = function(tracer)
      return set_global_tracer(self, tracer)
    end
    local kinds = kong.configuration.tracing_instrumentations
    if kinds and kinds[1] and kinds[1] ~= "off" then
      set_global_tracer(self, new_tracer("instrument", { sampling_rate = kong.configuration.tracing_sampling_rate }))
    end
    return setmetatable(self, facade_mt)
  end,
}
