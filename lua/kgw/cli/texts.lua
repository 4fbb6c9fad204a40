-- What the commands say about themselves.
local TAIL = [[
 --v              verbose
 --vv             debug
]]

local texts = {}

texts.general = [[

Usage: kong COMMAND [OPTIONS]

The available commands are:
 check
 config
 drain
 health
 hybrid
 migrations
 prepare
 quit
 reload
 restart
 roar
 start
 stop
 vault
 version

For authors of plugins (each with --help):
 plugin new, plugin check   begin a plugin; look through one
 test                       run its specs
 dev                        a gateway that follows the files being edited

Also: run FILE (a Lua file on the event loop), busted PATH... (specs), docker-start.

Options:
]] .. TAIL

texts.start = [[
Usage: kong start [OPTIONS]

Start the gateway in the prefix of the configuration.

Options:
 -c,--conf                 (optional string)   Configuration file.
 -p,--prefix               (optional string)   Override prefix directory.
 --nginx-conf              (optional string)   Custom Nginx configuration template.
                                               There is no nginx here: refused.
 --run-migrations          (optional boolean)  Run migrations before starting.
 --db-timeout              (optional number)   Timeout, in seconds, for all database
                                               operations.
 --lock-timeout            (default 60)        When --run-migrations is enabled, timeout,
                                               in seconds, for nodes that wait.
 --nginx-conf-flags        (optional string)   Flags that can be used to control
                                               generated nginx files; not used.

]] .. TAIL

texts.stop = [[
Usage: kong stop [OPTIONS]

Stop a running node at once (SIGTERM).

Options:
 -p,--prefix      (optional string) prefix Kong is running at

]] .. TAIL

texts.quit = [[
Usage: kong quit [OPTIONS]

Let a running node finish its requests, then end it (SIGQUIT; SIGTERM when it takes too long).

Options:
 -p,--prefix      (optional string) prefix Kong is running at
 -t,--timeout     (default 10) timeout before forced shutdown
 -w,--wait        (default 0) wait time before initiating the shutdown

]] .. TAIL

texts.reload = [[
Usage: kong reload [OPTIONS]

Load a changed configuration without dropping connections (SIGHUP).

Options:
 -c,--conf                 (optional string) configuration file
 -p,--prefix               (optional string) prefix Kong is running at
 --nginx-conf              (optional string) custom Nginx configuration template
 --nginx-conf-flags        (optional string) flags that can be used to control
                                             generated nginx files; not used

]] .. TAIL

texts.restart = [[
Usage: kong restart [OPTIONS]

Stop the node, if one runs, and start it again.

Options:
 -c,--conf                 (optional string)   configuration file
 -p,--prefix               (optional string)   prefix at which Kong should be running
 --nginx-conf              (optional string)   custom Nginx configuration template
 --run-migrations          (optional boolean)  optionally run migrations on the DB
 --db-timeout              (optional number)
 --lock-timeout            (default 60)
 --nginx-conf-flags        (optional string)   flags that can be used to control
                                               generated nginx files; not used

]] .. TAIL

texts.prepare = [[
Usage: kong prepare [OPTIONS]

Write the prefix folder without starting anything.

Options:
 -c,--conf       (optional string) configuration file
 -p,--prefix     (optional string) override prefix directory
 --nginx-conf    (optional string) custom Nginx configuration template

]] .. TAIL

texts.health = [[
Usage: kong health [OPTIONS]

Say whether the node of a prefix runs.

Options:
 -p,--prefix      (optional string) prefix at which Kong should be running

]] .. TAIL

texts.drain = [[
Usage: kong drain [OPTIONS]

Make /status/ready of a running node answer 503, so that load balancers take it out.

Options:
 -c,--conf    (optional string)  configuration file
 -p,--prefix  (optional string)  override prefix directory

]] .. TAIL

texts.version = [[
Usage: kong version [OPTIONS]

Print the version; with -a those of the parts.

Options:
 -a,--all         get version of all dependencies

]] .. TAIL

texts.check = [[
Usage: kong check <conf>

Say whether a configuration file is valid.

<conf> (default /etc/kong/kong.conf) configuration file

]] .. TAIL

texts.config = [[
Usage: kong config COMMAND [OPTIONS]

Use declarative configuration files with Kong.

The available commands are:
  init [<file>]                       Generate an example config file to
                                      get you started. If a filename
                                      is not given, ./kong.yml is used
                                      by default.

  db_import <file>                    Import a declarative config file into
                                      the Kong database.

  db_export [<file>]                  Export the Kong database into a
                                      declarative config file. If a filename
                                      is not given, ./kong.yml is used
                                      by default.

  parse <file>                        Parse a declarative config file (check
                                      its syntax) but do not load it into Kong.

Options:
 -c,--conf        (optional string)   Configuration file.
 -p,--prefix      (optional string)   Override prefix directory.

]] .. TAIL

texts.hybrid = [[
Usage: kong hybrid COMMAND [OPTIONS]

Certificates for hybrid mode.

The available commands are:
  gen_cert [<cert> <key>]           Make a certificate and key pair that control
                                    plane and data planes share (cluster_mtls =
                                    shared); ./cluster.crt and ./cluster.key by
                                    default.

Options:
 -d,--days        (optional number) Override certificate validity duration.
                                    Default: 1095 days.

]] .. TAIL

texts.plugin = [[
Usage: kong plugin COMMAND [OPTIONS]

Start and check custom plugins.

The available commands are:
  new NAME [DIR]    Write the skeleton of a plugin: handler, schema, spec, a
                    configuration to try it with. DIR is kong-plugin-NAME by
                    default.

  check [DIR]       Load schema and handler and follow the code: what is wrong,
                    where, and what to change. DIR (default .) holds
                    kong/plugins/NAME or is such a folder. Exit code 1 when
                    there are errors.

Options:
 --strict         (check) exit code 1 for warnings too

]] .. TAIL

texts.dev = [[
Usage: kong dev [OPTIONS] [DIR...]

Run a gateway in the foreground that takes over plugin and configuration files
as soon as they are saved. Each DIR (default .) may hold kong/plugins/NAME and
a kong.yml. Logs go to the terminal; the request header Kong-Debug: timing asks
for the times of plugins.

Options:
 -c,--conf    (optional string)  configuration file
 -p,--prefix  (optional string)  prefix directory; a temporary one by default

]] .. TAIL

texts.test = [[
Usage: kong test [PATH...]

Run busted specs inside the runtime. PATH is a spec file or a folder (default
spec). Options are those of busted: --filter PATTERN, --tags, --shuffle and so
on. The module kgw.test starts gateways for specs.

]] .. TAIL

texts.vault = [[
Usage: kong vault COMMAND [OPTIONS]

Look at secrets.

The available commands are:
  get <reference>  Print the value that a {vault://...} reference stands for.

Options:
 -c,--conf    (optional string)  configuration file
 -p,--prefix  (optional string)  override prefix directory

]] .. TAIL

texts.migrations = [[
Usage: kong migrations COMMAND [OPTIONS]

Migrations of the datastore. kgw keeps its own store, which needs none; the commands are there for scripts.

The available commands are:
  bootstrap, up, finish, list, reset, status

Options:
 -y,--yes                           Assume "yes" to prompts and run
                                    non-interactively.
 -q,--quiet                         Suppress all output.
 -f,--force                         Run migrations even if database reports
                                    that it is ready.
 --db-timeout     (optional number) Timeout, in seconds, for all database
                                    operations.
 --lock-timeout   (default 60)      Timeout, in seconds, for nodes waiting on
                                    others.
 -c,--conf        (optional string) Configuration file.
 -p,--prefix      (optional string)   Override prefix directory.

]] .. TAIL

texts.roar = "Usage: kong roar\n\n" .. TAIL

-- What `config init` writes.
texts.example = [[
# A declarative configuration: everything the gateway serves, in one file.
# Load it with the property declarative_config, or POST it to /config of the Admin API.
_format_version: "3.0"

# Uncomment and change:
#
# services:
# - name: example-service
#   url: http://127.0.0.1:9000
#   routes:
#   - name: example-route
#     paths:
#     - /example
#   plugins:
#   - name: key-auth
#   - name: rate-limiting
#     config:
#       minute: 60
#       policy: local
#
# consumers:
# - username: alice
#   keyauth_credentials:
#   - key: alices-key
]]

return texts
