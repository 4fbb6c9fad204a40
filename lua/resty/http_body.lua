-- Readers of HTTP bodies for resty.http: functions that give the next piece, nil at the end, or nil, err.
local concat = table.concat
local min = math.min
local tonumber = tonumber

local Body = {}


function Body.none()
  return nil
end


-- Until the connection ends.
local function until_close(sock, default_size)
  local is_done = false
  return function(size)
    if is_done then
      return nil
    end
    local data, err, partial = sock:receive(size or default_size)
    if data then
      return data
    end
    is_done = true
    if err ~= "closed" then
      return nil, err, partial
    end
    return partial ~= "" and partial or nil
  end
end


--- length nil: until the connection ends.
function Body.of_length(sock, length, default_size)
  if not length then
    return until_close(sock, default_size)
  end
  local left = length
  return function(size)
    if left <= 0 then
      return nil
    end
    local n = min(left, size or default_size)
    local data, err, partial = sock:receive(n)
    if not data then
      left = 0
      return nil, err, partial
    end
    left = left - n
    return data
  end
end


-- Size of the next chunk, or nil, err.
local function chunk_size(sock)
  local line, err = sock:receive("*l")
  if not line then
    return nil, err
  end
  local size = tonumber(line:match("^%s*(%x+)"), 16)
  if not size then
    return nil, "unable to read chunksize"
  end
  return size
end


-- What follows the last chunk, up to the empty line. true, or nil, err.
local function skip_trailers(sock)
  repeat
    local line, err = sock:receive("*l")
    if not line then
      return nil, err
    end
  until line == ""
  return true
end


--- Chunked coding. keeps_trailers: what follows the last chunk is left for the caller.
function Body.chunked(sock, default_size, keeps_trailers)
  local left, is_done = 0, false
  local function fail(err, partial)
    is_done = true
    return nil, err, partial
  end
  return function(size)
    if is_done then
      return nil
    end
    if left == 0 then
      local n, err = chunk_size(sock)
      if not n then
        return fail(err)
      end
      left = n
      if n == 0 then
        is_done = true
        if not keeps_trailers then
          n, err = skip_trailers(sock)
        end
        return nil, not n and err or nil
      end
    end
    local n = min(left, size or default_size)
    local data, err, partial = sock:receive(n)
    if not data then
      return fail(err, partial)
    end
    left = left - n
    if left == 0 then
      local ok
      ok, err = sock:receive(2)
      if not ok then
        return fail(err)
      end
    end
    return data
  end
end


--- The whole body of an answer: text, or nil, err, what came.
function Body.read_all(res)
  local reader = res.body_reader
  if not reader then
    return nil, "no body to be read"
  end
  local parts, n = {}, 0
  while true do
    local data, err, partial = reader()
    if data then
      n = n + 1
      parts[n] = data
    elseif err then
      return nil, err, concat(parts, "", 1, n) .. (partial or "")
    else
      return n == 1 and parts[1] or concat(parts, "", 1, n)
    end
  end
end


return Body
