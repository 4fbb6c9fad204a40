-- The path sent upstream, from the service's path, the matched prefix and the request's path.
-- Called by kong.runloop once per request. Must never escape or normalise: kong.tools.uri does that.
local byte = string.byte
local sub = string.sub

local path = {}

local SLASH, DOT = byte("/"), byte(".")


-- What is left may not climb out of the service's path.
local function guarded(rest)
  if byte(rest, 1) ~= DOT then
    return rest
  end
  local second = byte(rest, 2)
  if not second then
    return ""
  end
  if second == SLASH then
    return sub(rest, 3)
  end
  if second == DOT then
    local third = byte(rest, 3)
    if not third then
      return ""
    end
    if third == SLASH then
      return sub(rest, 4)
    end
  end
  return rest
end


local function strip_v0(base, request, rest)
  if rest == "" then
    if base == "/" then
      return "/"
    end
    local ends_with_slash = byte(request, -1) == SLASH
    if byte(base, -1) == SLASH then
      return ends_with_slash and base or sub(base, 1, -2)
    end
    return (ends_with_slash and #request > 1) and base .. "/" or base
  end

  local starts_with_slash = byte(rest, 1) == SLASH
  if base == "/" then
    return starts_with_slash and rest or "/" .. rest
  end
  if byte(base, -1) == SLASH then
    return base .. (starts_with_slash and sub(rest, 2) or rest)
  end
  return starts_with_slash and base .. rest or base .. "/" .. rest
end


local function keep_v0(base, request)
  if base == "/" then
    return request
  end
  if byte(base, -1) == SLASH then
    return base .. sub(request, 2)
  end
  return request == "/" and base or base .. request
end


-- `prefix` is the matched path, nil for a route without paths; `version` is "v0" (default) or "v1".
function path.upstream_path(service_path, prefix, request, strip, version)
  local base = service_path or "/"
  if strip then
    local rest = guarded(sub(request, #(prefix or "/") + 1))
    if version ~= "v1" then
      return strip_v0(base, request, rest)
    end
    if byte(base, -1) == SLASH and byte(rest, 1) == SLASH then
      return base .. sub(rest, 2)
    end
    return base .. rest
  end
  if version == "v1" then
    return base .. sub(request, 2)
  end
  return keep_v0(base, request)
end


return path
