-- require "resty.shell": runs a command without blocking the worker.
local pipe = require "ngx.pipe"

local min = math.min
local OUTPUT_MAX = 128 * 1024

local Shell = { version = 0.03 }


local function read(fn, max)
  local parts, size = {}, 0
  while size < max do
    local data, err, partial = fn(min(65536, max - size))
    if not data then
      parts[#parts + 1] = partial
      if err ~= "closed" then
        return table.concat(parts), err
      end
      return table.concat(parts)
    end
    parts[#parts + 1] = data
    size = size + #data
  end
  return table.concat(parts), "too much data"
end


local function end_of(thread)
  local _, data, err = ngx.thread.wait(thread)
  return data, err
end


--- true or nil, standard output, standard error, reason ("exit", "signal" or an error), status. command: a list or a shell command;
--- timeout: milliseconds; max_size: bytes of each output.
function Shell.run(command, stdin, timeout, max_size)
  max_size = max_size or OUTPUT_MAX
  local proc, err = pipe.spawn(command)
  if not proc then
    return nil, nil, nil, "failed to spawn: " .. err
  end
  proc:set_timeouts(timeout, timeout, timeout, timeout)
  local out_thread = ngx.thread.spawn(read, function(n) return proc:stdout_read_any(n) end, max_size)
  local err_thread = ngx.thread.spawn(read, function(n) return proc:stderr_read_any(n) end, max_size)
  if stdin and stdin ~= "" then
    proc:write(stdin)
  end
  proc:shutdown("stdin")
  local stdout, out_err = end_of(out_thread)
  local stderr, err_err = end_of(err_thread)
  if out_err or err_err then
    proc:kill(9)
    return nil, stdout, stderr, out_err or err_err
  end
  local ok, reason, status = proc:wait()
  if ok == nil then
    proc:kill(9)
    return nil, stdout, stderr, reason
  end
  return ok or nil, stdout, stderr, reason, status
end


--- The command line for a list of arguments.
function Shell.quote(args)
  local out = {}
  for i = 1, #args do
    out[i] = "'" .. tostring(args[i]):gsub("'", "'\\''") .. "'"
  end
  return table.concat(out, " ")
end


return Shell
