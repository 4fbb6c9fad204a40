-- kong.nginx: the server's kind and its counters. Named as plugins know it.
local ngx = ngx


local function get_subsystem()
  return ngx.config.subsystem
end


local function get_statistics()
  return require("ngx.stats").get()
end


return {
  new = function()
    return { get_subsystem = get_subsystem, get_statistics = get_statistics }
  end,
}
