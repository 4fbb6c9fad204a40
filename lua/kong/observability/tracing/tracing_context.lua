-- What is known of the running request's trace, shared by all that trace it: its id as bytes and as each header format
-- writes it, its flags, and spans that have an id already but no place among the request's spans yet.
-- Kept in ngx.ctx.TRACING_CONTEXT; each function takes the request's ctx as its last, optional argument.
local ngx = ngx
local next = next
local pairs = pairs

local tracing_context = {}


local function of(ctx)
  ctx = ctx or ngx.ctx
  local context = ctx.TRACING_CONTEXT
  if not context then
    context = { trace_id = { formatted = {} }, unlinked_spans = {} }
    ctx.TRACING_CONTEXT = context
  end
  return context
end


-- Adds spellings of the trace id ({ b3 = "..." }) and returns all that are known.
function tracing_context.add_trace_id_formats(new, ctx)
  local id = of(ctx).trace_id
  if next(id.formatted) == nil then
    id.formatted = new
    return new
  end
  for format, value in pairs(new) do
    id.formatted[format] = value
  end
  return id.formatted
end


function tracing_context.get_raw_trace_id(ctx)
  return of(ctx).trace_id.raw
end


function tracing_context.set_raw_trace_id(trace_id, ctx)
  of(ctx).trace_id.raw = trace_id
end


function tracing_context.get_flags(ctx)
  return of(ctx).flags
end


function tracing_context.set_flags(flags, ctx)
  of(ctx).flags = flags
end


function tracing_context.get_unlinked_span(name, ctx)
  return of(ctx).unlinked_spans[name]
end


function tracing_context.set_unlinked_span(name, span, ctx)
  of(ctx).unlinked_spans[name] = span
end


return tracing_context
