-- Anonymous usage reports: this gateway sends none. The functions are those that code written for Kong calls.
local reports = {}

local enabled = false


function reports.toggle(value)
  enabled = value == true
end


function reports.is_enabled()
  return enabled
end


function reports.add_ping_value()
end


function reports.add_immutable_value()
end


function reports.get_ping_value()
  return nil
end


function reports.retrieve_redis_version()
end


function reports.add_entity_reports()
end


function reports.send()
end


function reports.log()
end


function reports.init_worker()
end


return reports
