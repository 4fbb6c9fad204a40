-- Random bytes and texts from the system's generator.
local rand = {}


-- n bytes. The second argument (ask the kernel) makes no difference here: every byte comes from it in the end.
function rand.get_rand_bytes(n)
  return require("ngx.random").bytes(n)
end


-- 32 letters and digits, with more than 128 bits of chance.
function rand.random_string()
  local text
  repeat
    local encoded = ngx.encode_base64(rand.get_rand_bytes(24), true)
    text = encoded:gsub("[/+]", function()
      return ("%d"):format(rand.get_rand_bytes(1):byte() % 10)
    end)
  until #text == 32
  return text
end


return rand
