std = "luajit"
max_line_length = 140
unused_args = false
redefined = false
read_globals = { "ngx", "kong", "KGW_ROOT", "table.new", "table.clear" }
files["lua/ngx"] = { globals = { "ngx" } }
files["lua/kong/api"] = { globals = { "ngx" } }
files["lua/kgw"] = { globals = { "ngx", "kong", "arg" } }
files["lua/kong/runloop"] = { globals = { "kong" } }
files["spec"] = { std = "+busted", globals = { "ngx", "kong" }, max_line_length = 160 }
files["scripts"] = { max_line_length = 160 }
