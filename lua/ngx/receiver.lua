-- What every socket that receives has: receive, receiveany, receiveuntil, over one function that knows its kind of socket.
local base = require "ngx.base"

local tonumber = tonumber
local tostring = tostring
local select = select
local type = type

-- enum kgw_recv_mode of runtime/vm/recv.h
local SIZE, LINE, ALL, ANY, UNTIL = 0, 1, 2, 3, 4

local Receiver = {}


-- receive(self, mode, want, pattern, is_inclusive) -> data (and true when a pattern was reached), or nil, err, what came.
function Receiver.install(methods, receive)
  -- Data, or nil, err, what came. `pattern`: "*l" (default), "*a" or a number of bytes.
  function methods.receive(self, pattern)
    if pattern == nil or pattern == "*l" then
      return receive(self, LINE, 0, "", 0)
    end
    local n = tonumber(pattern)
    if n then
      if n < 0 then
        base.bad_arg(2, "bad number argument", 1)
      end
      return receive(self, SIZE, n, "", 0)
    end
    if pattern == "*a" then
      return receive(self, ALL, 0, "", 0)
    end
    base.bad_arg(2, "bad pattern argument: " .. tostring(pattern), 1)
  end


  -- Whatever is there, at the most `max` bytes.
  function methods.receiveany(self, max)
    max = tonumber(max)
    if not max or max <= 0 then
      base.bad_arg(2, max and "bad max argument" or "number expected", 1)
    end
    return receive(self, ANY, max, "", 0)
  end


  -- An iterator over what lies before each occurrence of the pattern, whole or in pieces of `size` bytes; a piece that ended at
  -- the pattern is followed by nil, nil, nil.
  function methods.receiveuntil(self, ...)
    local n = select("#", ...)
    if n < 1 or n > 2 then
      error("expecting 2 or 3 arguments (including the object), but got " .. n + 1, 2)
    end
    local pattern, opts = ...
    pattern = tostring(pattern)
    if pattern == "" then
      return nil, "pattern is empty"
    end
    local is_inclusive = type(opts) == "table" and opts.inclusive and 1 or 0
    local has_reached = false
    return function(size)
      if has_reached then
        has_reached = false
        return nil, nil, nil
      end
      local data, err, partial = receive(self, UNTIL, tonumber(size) or 0, pattern, is_inclusive)
      if not data then
        return nil, err, partial
      end
      has_reached = err == true
      return data
    end
  end
end


return Receiver
