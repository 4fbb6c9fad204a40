-- require "resty.upload": reads a multipart/form-data request piece by piece.
local setmetatable = setmetatable
local type = type

local CHUNK, LINE_MAX = 4096, 512

local Upload = { _VERSION = "0.11" }
local mt = { __index = Upload }


local function boundary_of_request()
  local header = ngx.var.content_type
  if not header then
    return nil
  elseif type(header) == "table" then
    header = header[1]
  end
  return header:match(";%s*boundary=\"([^\"]+)\"") or header:match(";%s*boundary=([^\",;]+)")
end


--- The reader, or nil, err. chunk_size: bytes of a piece; max_line_size: of a part's header line.
function Upload.new(_, chunk_size, max_line_size)
  local boundary = boundary_of_request()
  if not boundary then
    return nil, "no boundary defined in Content-Type"
  end
  local sock, err = ngx.req.socket()
  if not sock then
    return nil, err
  end
  local read_part
  read_part, err = sock:receiveuntil("--" .. boundary)
  if not read_part then
    return nil, err
  end
  local read_body
  read_body, err = sock:receiveuntil("\r\n--" .. boundary)
  if not read_body then
    return nil, err
  end
  local read_line
  read_line, err = sock:receiveuntil("\r\n")
  if not read_line then
    return nil, err
  end
  return setmetatable({
    sock = sock, size = chunk_size or CHUNK, line_size = max_line_size or LINE_MAX,
    read_preamble = read_part, read_body = read_body, read_line = read_line, state = "preamble",
  }, mt)
end


function Upload.set_timeout(self, ms)
  return self.sock:settimeout(ms)
end


-- A whole line that is not too long, or nil, err.
local function line_of(self)
  local line, err = self.read_line(self.line_size)
  if not line then
    return nil, err
  end
  local more = self.read_line(1)
  if more == "" then
    self.read_line(1) -- the end came right behind the longest line
  elseif more then
    return nil, "line too long: " .. line .. "..."
  end
  return line
end


-- What follows a boundary: another part or the end.
local function after_boundary(self)
  local two, err = self.sock:receive(2)
  if not two then
    return nil, nil, err
  end
  if two == "--" then
    self.state = "end"
    local rest
    rest, err = self.sock:receive("*a")
    if not rest then
      return nil, nil, err
    end
    return "part_end"
  end
  if two ~= "\r\n" then
    local line
    line, err = line_of(self)
    if not line then
      return nil, nil, err
    end
  end
  self.state = "header"
  return "part_end"
end


local function read_header(self)
  local line, err = line_of(self)
  if not line then
    return nil, nil, err
  end
  if line == "" then
    self.state = "body"
    return self:read()
  end
  local name, value = line:match("^([^: \t]+)%s*:%s*(.+)")
  if not name then
    return "header", line
  end
  return "header", { name, value, line }
end


local function read_body(self)
  local data, err = self.read_body(self.size)
  if err then
    return nil, nil, err
  elseif data then
    return "body", data
  end
  return after_boundary(self)
end


--- "header", { name, value, line }; "body", data; "part_end"; "eof"; or nil, nil, err.
function Upload.read(self)
  local state = self.state
  if state == "preamble" then
    local text, err = self.read_preamble()
    if not text then
      return nil, nil, err
    end
    local kind, _, boundary_err = after_boundary(self)
    if not kind then
      return nil, nil, boundary_err
    end
    state = self.state
  end
  if state == "header" then
    return read_header(self)
  elseif state == "body" then
    return read_body(self)
  end
  return "eof", nil
end


return Upload
