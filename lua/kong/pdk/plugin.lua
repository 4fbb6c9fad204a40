-- kong.plugin: what a plugin may know of its own running instance.
local ngx = ngx


local function get_id()
  return ngx.ctx.plugin_id
end


return {
  new = function()
    return { get_id = get_id }
  end,
}
