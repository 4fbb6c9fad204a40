-- A Postgres server for specs: made in a folder of its own, on a free port of the loopback interface, by a user that is not root.
local kgw = require "spec.support.kgw"
local posix = require "kgw.posix"

local postgres = {}

local HBA = [[
local all all trust
hostssl all by_cert 127.0.0.1/32 cert
host all by_password 127.0.0.1/32 password
host all by_md5 127.0.0.1/32 md5
host all by_scram 127.0.0.1/32 scram-sha-256
host all postgres 127.0.0.1/32 trust
]]

local ROLES = [[
create role by_cert login; create role by_password login password 'secret word';
set password_encryption = 'md5'; create role by_md5 login password 'secret word';
set password_encryption = 'scram-sha-256'; create role by_scram login password 'secret word';
]]

local CERTIFICATES = [[
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=authority -keyout ca.key -out ca.crt
for name in localhost by_cert; do
  openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=$name -keyout $name.key -out $name.csr
  openssl x509 -req -days 2 -in $name.csr -CA ca.crt -CAkey ca.key -CAcreateserial -out $name.crt
done
]]


local function output_of(command)
  local pipe = io.popen(command .. " 2>/dev/null")
  local line = pipe:read("*l")
  pipe:close()
  return line ~= "" and line or nil
end


-- The folder of initdb and postgres, or nil.
local bin = output_of("ls -d /usr/lib/postgresql/*/bin | sort -V | tail -1")
  or (output_of("command -v initdb") or ""):match("^(.*)/initdb$")

postgres.is_there = bin and posix.read_file(bin .. "/initdb") ~= nil and os.execute("command -v openssl > /dev/null") == true


local function shell(text)
  local log = os.tmpname()
  local status = os.execute("(" .. text .. ") > " .. log .. " 2>&1")
  local said = posix.read_file(log)
  os.remove(log)
  assert(status, said)
end


--- Starts a server with TLS and one role for each way to say who one is. Returns { port, folder }; postgres.stop ends it.
function postgres.start()
  local folder, port = os.tmpname(), kgw.free_port()
  os.remove(folder)
  assert(posix.mkdirs(folder))
  local as_user = ""
  shell("cd " .. folder .. " && set -e\n" .. CERTIFICATES)
  if output_of("id -u") == "0" then
    shell("chown -R nobody " .. folder)
    as_user = "setpriv --reuid nobody --regid nogroup --clear-groups "
  end
  local data = folder .. "/data"
  shell("cd " .. folder .. " && " .. as_user .. bin .. "/initdb -D " .. data .. " -U postgres --auth trust --no-sync -E UTF8 --locale C.UTF-8")
  assert(posix.write_file(data .. "/pg_hba.conf", HBA))
  local settings = { listen_addresses = "127.0.0.1", port = port, unix_socket_directories = folder, fsync = "off", ssl = "on",
    ssl_cert_file = folder .. "/localhost.crt", ssl_key_file = folder .. "/localhost.key", ssl_ca_file = folder .. "/ca.crt" }
  local words = {}
  for name, value in pairs(settings) do
    words[#words + 1] = "-c " .. name .. "=" .. value
  end
  os.execute("cd " .. folder .. " && " .. as_user .. bin .. "/postgres -D " .. data .. " " .. table.concat(words, " ")
    .. " > " .. folder .. "/log 2>&1 < /dev/null &")
  local server = { port = port, folder = folder }
  local pg = require("pgmoon").new({ host = "127.0.0.1", port = port, database = "postgres" })
  kgw.wait_for("Postgres", 10, function()
    return pg:connect()
  end)
  assert(pg:query(ROLES))
  pg:disconnect()
  return server
end


--- Ends the server and removes what it kept.
function postgres.stop(server)
  local pid = (posix.read_file(server.folder .. "/data/postmaster.pid") or ""):match("^%d+")
  if pid then
    os.execute("kill -INT " .. pid)
    kgw.wait_for("the end of Postgres", 10, function()
      return posix.read_file(server.folder .. "/data/postmaster.pid") == nil
    end)
  end
  os.execute("rm -rf " .. server.folder)
end


return postgres
