-- The part of resty.http for handlers that answer a client with another server's answer.
local http_body = require "resty.http_body"

local find = string.find
local lower = string.lower
local tonumber = tonumber
local type = type

local CHUNK = 65536
local HOP_BY_HOP = {
  ["connection"] = true, ["keep-alive"] = true, ["proxy-authenticate"] = true, ["proxy-authorization"] = true, ["te"] = true,
  ["trailers"] = true, ["transfer-encoding"] = true, ["upgrade"] = true, ["content-length"] = true,
}

local Relay = {}


function Relay.install(Http)
  --- A reader of the client's request body, nil when it has none; nil, err.
  function Http.get_client_body_reader(_, chunk_size, sock)
    chunk_size = chunk_size or CHUNK
    if not sock then
      local err
      sock, err = ngx.req.socket()
      if not sock then
        if err == "no body" then
          return nil
        end
        return nil, err
      end
    end
    local headers = ngx.req.get_headers()
    local length = tonumber(headers["Content-Length"])
    if length then
      return http_body.of_length(sock, length, chunk_size)
    end
    local encoding = headers["Transfer-Encoding"]
    if type(encoding) == "string" and find(lower(encoding), "chunked", 1, true) then
      return http_body.chunked(sock, chunk_size)
    end
    return nil
  end


  --- Sends the client's own request on.
  function Http.proxy_request(self, chunk_size)
    local var = ngx.var
    return self:request {
      method = ngx.req.get_method(),
      path = ngx.re.gsub(var.uri, [[\s]], "%20", "jo") .. (var.is_args or "") .. (var.query_string or ""),
      body = self:get_client_body_reader(chunk_size),
      headers = ngx.req.get_headers(0, true),
    }
  end


  --- Answers the client with `res`.
  function Http.proxy_response(_, res, chunk_size)
    if not res then
      ngx.log(ngx.ERR, "no response provided")
      return
    end
    ngx.status = res.status
    for name, value in pairs(res.headers) do
      if not HOP_BY_HOP[lower(name)] then
        ngx.header[name] = value
      end
    end
    local reader = res.body_reader
    repeat
      local chunk, err = reader(chunk_size)
      if err then
        ngx.log(ngx.ERR, err)
      end
      if chunk then
        local ok, print_err = ngx.print(chunk)
        if not ok then
          ngx.log(ngx.ERR, print_err)
          return
        end
      end
    until not chunk
  end
end


return Relay
