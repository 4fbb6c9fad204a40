-- The upstream of kgw.test: remembers every request and answers it, with what the spec ordered or with the request itself as
-- JSON. Specs talk to it below /__kgw/: GET requests, DELETE requests, PUT answers, DELETE answers. For one worker.
local cjson = require "cjson.safe"

local kong = kong

local KEPT_MAX = 10000

local Handler = { VERSION = "1.0.0", PRIORITY = 100000 }

local requests, answers = {}, {}


local control = {
  ["GET/__kgw/requests"] = function()
    return #requests > 0 and cjson.encode(requests) or "[]"
  end,
  ["DELETE/__kgw/requests"] = function()
    requests = {}
  end,
  ["PUT/__kgw/answers"] = function()
    table.insert(answers, 1, cjson.decode((kong.request.get_raw_body())))
  end,
  ["DELETE/__kgw/answers"] = function()
    answers = {}
  end,
}


-- The first order that fits; one with `times` is used up.
local function find_answer(request)
  for i, answer in ipairs(answers) do
    if (not answer.path or answer.path == request.path) and (not answer.method or answer.method == request.method) then
      if answer.times then
        answer.times = answer.times - 1
        if answer.times == 0 then
          table.remove(answers, i)
        end
      end
      return answer
    end
  end
end


function Handler:rewrite()
  local method, path = kong.request.get_method(), kong.request.get_raw_path()
  local action = control[method .. path]
  if action then
    return kong.response.exit(200, action(), { ["Content-Type"] = "application/json" })
  end
  local request = {
    method = method,
    path = path,
    query = kong.request.get_query(),
    raw_query = kong.request.get_raw_query(),
    headers = kong.request.get_headers(1000),
    body = kong.request.get_raw_body(-1),
  }
  if #requests < KEPT_MAX then
    requests[#requests + 1] = request
  end
  local answer = find_answer(request)
  if not answer then
    return kong.response.exit(200, cjson.encode(request), { ["Content-Type"] = "application/json" })
  end
  if answer.delay then
    ngx.sleep(answer.delay)
  end
  local body = answer.body
  return kong.response.exit(answer.status or 200, type(body) == "table" and cjson.encode(body) or body, answer.headers)
end


return Handler
