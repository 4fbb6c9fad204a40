-- Keeps answers in a shared dictionary, as JSON.
local cjson = require "cjson.safe"

local ngx = ngx

local memory = {}
memory.__index = memory

local MISSING = "request object not in cache"

-- One object per dictionary.
local by_dictionary = {}


-- options: {dictionary_name =}
function memory.new(options)
  local name = options.dictionary_name
  local self = by_dictionary[name]
  if not self then
    self = setmetatable({ dict = ngx.shared[name] }, memory)
    by_dictionary[name] = self
  end
  return self
end


-- ttl: seconds. true | nil, err
function memory:store(key, answer, ttl)
  local text = cjson.encode(answer)
  if not text then
    return nil, "could not encode request object"
  end
  local ok, err = self.dict:set(key, text, ttl)
  if not ok then
    return nil, err
  end
  return true
end


-- The answer; nil and "request object not in cache" or another error.
function memory:fetch(key)
  local text, err = self.dict:get(key)
  if not text then
    return nil, err or MISSING
  end
  local answer = cjson.decode(text)
  if not answer then
    return nil, "could not decode request object"
  end
  return answer
end


function memory:purge(key)
  self.dict:delete(key)
  return true
end


function memory:flush(free_mem)
  self.dict:flush_all()
  if free_mem then
    self.dict:flush_expired()
  end
  return true
end


return memory
