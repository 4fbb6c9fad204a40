-- A plugin: phases as methods, the configuration as their argument, the PDK in the global `kong`.
local HelloHandler = {
  PRIORITY = 900,
  VERSION = "1.0.0",
}


-- Before the request goes to the upstream: tell it who asks.
function HelloHandler:access(conf)
  local consumer = kong.client.get_consumer()
  kong.service.request.set_header(conf.header, consumer and consumer.username or "nobody")
end


-- Before the answer goes to the client.
function HelloHandler:header_filter(conf)
  kong.response.set_header(conf.header, conf.greeting)
end


return HelloHandler
