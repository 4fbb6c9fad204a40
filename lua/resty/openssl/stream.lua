-- What digest and mac have in common: data that comes in pieces, a result at the end. Used by resty.openssl.digest and .mac.
local ffi = require "ffi"
local format_error = require("resty.openssl.err").format_error

local select = select

local stream = {}


-- Gives a class update(...) and final(last). name: in errors; update(ctx, text), finish(ctx) -> code, buffer, length.
function stream.install(class, name, update, finish)
  function class:update(...)
    for i = 1, select("#", ...) do
      local code = update(self.ctx, (select(i, ...)))
      if code ~= 1 then
        return nil, format_error(name .. ":update", code)
      end
    end
    return true
  end

  function class:final(last)
    if last then
      local ok, err = self:update(last)
      if not ok then
        return nil, err
      end
    end
    local code, buf, len = finish(self.ctx)
    if code ~= 1 then
      return nil, format_error(name .. ":final", code)
    end
    return ffi.string(buf, len)
  end
end


return stream
