-- Declarative configurations, mutated: whatever the bytes are, the loader answers with rows or with an error text, never with a Lua error.
-- Run by `kgw run spec/fuzz/kong_yml.lua SECONDS SEED` (under the sanitizers: build-dev/kgw); spec/unit/db/fuzz_spec.lua replays a few hundred.
local declarative = require "kong.db.declarative"

local fuzz = {}

local SEEDS = {
  [[
_format_version: "3.0"
_transform: true
services:
- name: s
  url: http://example.com:8080/base
  tags: [a, b]
  routes:
  - name: r
    paths: ["/a", "~/b/(?<x>\\d+)$"]
    methods: [GET, POST]
    headers: { x-a: [one, two] }
    plugins:
    - name: rate-limiting
      config: { minute: 5, policy: local }
consumers:
- username: alice
  custom_id: "1"
  keyauth_credentials: [{ key: secret }]
  acls: [{ group: g }]
upstreams:
- name: u
  algorithm: consistent-hashing
  hash_on: header
  hash_on_header: x-id
  targets: [{ target: "127.0.0.1:80", weight: 10 }]
plugins:
- name: key-auth
  service: s
  config: { key_names: [apikey], hide_credentials: true }
]],
  [[{"_format_version":"1.1","services":[{"name":"a","host":"h","port":1,"protocol":"https","routes":[{"hosts":["*.x.com"],"snis":["a"]}]}],
 "routes":[{"id":"3e8a7f4e-33e7-4a08-a85e-c9c5d0d5a8a1","service":{"name":"a"},"expression":"x"}]}]],
  "_format_version: '2.1'\nservices:\n- &a {name: b, host: c}\n- <<: *a\n  name: d\nroutes:\n- paths:\n  - /x\n  service: b\n  created_at: 1.5e3\n",
}

local WORDS = {
  "null", "~", "[]", "{}", "-1", "1e999", "0x10", ".nan", "true", "!!binary aGk=", "&a", "*a", "<<: *a", "|\n", ">-\n", "\0", "\255\254", "'", "\"", "\\u0000", "%",
  "services:", "routes:", "- ", "\t", "  ", "#", "id: x", "name:", "config:", ("a"):rep(3000), ("["):rep(300), "---\n", "...\n",
}


local function mutate(text, random)
  for _ = 1, random(1, 6) do
    local at, what = random(1, #text + 1), random(1, 5)
    if what == 1 then
      text = text:sub(1, at - 1) .. string.char(random(0, 255)) .. text:sub(at + 1)
    elseif what == 2 then
      text = text:sub(1, at - 1) .. text:sub(at + random(1, 20))
    elseif what == 3 then
      text = text:sub(1, at - 1) .. WORDS[random(1, #WORDS)] .. text:sub(at)
    elseif what == 4 then
      local from = random(1, #text + 1)
      text = text:sub(1, at - 1) .. text:sub(from, from + random(1, 60)) .. text:sub(at)
    else
      text = text:sub(1, at)
    end
  end
  return text
end


-- One input. Raises when the loader does.
function fuzz.one(db, text)
  for _, format in ipairs { "yaml", "json" } do
    local lists, err = declarative.load_string(text, format, db)
    if lists == nil then
      assert(type(err) == "string" and err ~= "", "an error without a text")
    else
      assert(type(lists.services) == "table", "rows without services")
    end
  end
end


-- cnt inputs made from seed. The input that made the loader raise, and the error; or nil.
function fuzz.many(db, cnt, seed)
  math.randomseed(seed)
  for i = 1, cnt do
    local text = mutate(SEEDS[i % #SEEDS + 1], math.random)
    local ok, err = pcall(fuzz.one, db, text)
    if not ok then
      return text, err
    end
  end
end


function fuzz.new_db()
  local conf = { database = "off", loaded_plugins = { ["rate-limiting"] = true, ["key-auth"] = true, acl = true }, loaded_vaults = { env = true } }
  local db = assert(require("kong.db").new(conf))
  assert(require("kong.db.plugins").load(conf, db))
  return db
end


if arg and arg[1] and tonumber(arg[1]) then
  local seed, stop_at, done = tonumber(arg[2]) or ngx.time(), ngx.now() + tonumber(arg[1]), 0
  local db = fuzz.new_db()
  while ngx.now() < stop_at do
    local text, err = fuzz.many(db, 50, seed + done)
    if text then
      io.write("raised: ", tostring(err), "\nseed ", seed + done, "\n", text, "\n")
      os.exit(1)
    end
    done = done + 50
    ngx.sleep(0)
  end
  io.write(done, " inputs, nothing found\n")
end

return fuzz
