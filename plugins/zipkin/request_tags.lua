-- Tags that a client adds to its span in a header: "color=red; size=big".
local concat = table.concat
local gmatch = string.gmatch
local ipairs = ipairs
local match = string.match
local type = type

local request_tags = {}


-- value: of the header, a string or an array of strings. Returns the tags and what could not be read of them; both may be
-- there, or none.
function request_tags.parse(value)
  if not value then
    return nil
  end
  local tags, wrong = {}, {}
  for _, line in ipairs(type(value) == "table" and value or { value }) do
    for item in gmatch(line, "[^;]+") do
      local name, content = match(item, "^%s*(%S+)%s*=%s*(.*%S)%s*$")
      if name then
        tags[name] = content
      else
        wrong[#wrong + 1] = item
      end
    end
  end
  if wrong[1] then
    return tags, "Could not parse the following Zipkin tags: " .. concat(wrong, ", ")
  end
  return tags
end


return request_tags
