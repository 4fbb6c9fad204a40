std = "luajit"
max_line_length = 160
unused_args = false
redefined = false
-- Tables whose fields are set: ngx.ctx, ngx.header, kong.ctx, ...
globals = { "ngx", "kong" }
read_globals = { "KGW_ROOT", "rawlen", "table.new", "table.clear", "table.clone", "table.isempty", "table.isarray", "table.nkeys" }
files["lua/kgw"] = { globals = { "arg", "os.exit" } }
files["lua/kong/globalpatches.lua"] = { globals = { "math.randomseed" } }
files["lua/ngx"] = { ignore = { "311", "512", "143" }, globals = { "coroutine.resume", "coroutine.create", "coroutine.wrap", "coroutine.yield", "coroutine.status", "coroutine.isyieldable", "print", "table.pack", "table.unpack" } }
files["spec"] = { std = "+busted", globals = { "table.pack", "table.unpack" }, max_line_length = 180 }
files["scripts"] = { max_line_length = 160 }
