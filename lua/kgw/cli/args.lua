-- Options of one command: { {long = "conf", short = "c", kind = "string"|"number"|"boolean", default =} ... }.
-- Messages begin with "kong: " as scripts around the original expect them.
local args = {}


local COMMON = {
  { long = "v", kind = "boolean" }, { long = "vv", kind = "boolean" }, { long = "help", kind = "boolean" },
}


local function find(options, long, short)
  for _, list in ipairs { options, COMMON } do
    for _, option in ipairs(list) do
      if (long and option.long == long) or (short and option.short == short) then
        return option
      end
    end
  end
end


local function convert(option, text)
  if option.kind ~= "number" then
    return text
  end
  local number = tonumber(text)
  if not number then
    return nil, "unable to convert to number: " .. text
  end
  return number
end


-- Splits "--name=value", "--name", "-c" into option, name and inline value.
local function recognise(options, word)
  local long, inline = word:match("^%-%-([^=]+)=?(.*)$")
  if long then
    local has_inline = word:find("=", 1, true) ~= nil
    return find(options, long), long, has_inline and inline or nil
  end
  local short, rest = word:match("^%-(%a)(.*)$")
  if short then
    return find(options, nil, short), short, rest ~= "" and rest or nil
  end
end


--- Parses words from index `from` on. Returns {option = value, ...} with positional words in the array part, or nil, err.
function args.parse(words, from, options)
  local out = {}
  for _, option in ipairs(options) do
    out[option.long:gsub("%-", "_")] = option.default
  end
  local i = from
  while words[i] do
    local word = words[i]
    if word:sub(1, 1) == "-" and #word > 1 then
      local option, name, inline = recognise(options, word)
      if not option then
        return nil, "unrecognized parameter: " .. (name or word)
      end
      local key = option.long:gsub("%-", "_")
      if option.kind == "boolean" then
        out[key] = true
      else
        local text = inline
        if not text then
          i = i + 1
          text = words[i]
        end
        if not text then
          return nil, option.long .. " was expecting a value"
        end
        local value, err = convert(option, text)
        if value == nil then
          return nil, err
        end
        out[key] = value
      end
    else
      out[#out + 1] = word
    end
    i = i + 1
  end
  return out
end


return args
