-- The whole request body as one string, from memory or from the file it was spilled to.
local yield = require("kong.tools.yield").yield

local concat = table.concat
local fmt = string.format
local open = io.open
local req = ngx.req

local CHUNK_SIZE = 1048576

local request_body = {}


local function read_file(path, max_size)
  local file, err = open(path, "rb")
  if not file then
    return nil, "failed to open cached request body '" .. path .. "': " .. err
  end
  local size = file:seek("end") or 0
  if max_size > 0 and size > max_size then
    file:close()
    return nil, fmt("request body file too big: %d > %d", size, max_size)
  end
  file:seek("set")
  local chunks = {}
  repeat
    local chunk
    chunk, err = file:read(CHUNK_SIZE)
    if err then
      file:close()
      return nil, "failed to read cached request body '" .. path .. "': " .. err
    end
    chunks[#chunks + 1] = chunk
    -- Reading blocks the worker; others get a turn between chunks.
    yield()
  until not chunk
  file:close()
  return concat(chunks)
end


-- "" without a body. max_size: nil or negative = not from a file, 0 = any size.
function request_body.read(max_size)
  req.read_body()
  local data = req.get_body_data()
  if data then
    return data
  end
  local path = req.get_body_file()
  if not path then
    return ""
  end
  if not max_size or max_size < 0 then
    return nil, "request body did not fit into client body buffer, consider raising 'client_body_buffer_size'"
  end
  return read_file(path, max_size)
end


return request_body
