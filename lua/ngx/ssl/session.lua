-- require "ngx.ssl.session": sessions are resumed with tickets whose keys all workers share, so the phases these functions
-- belong to never run.
local function refuse()
  error("API disabled in the current context", 2)
end


return {
  version = "0.1.28",
  get_serialized_session = refuse,
  get_session_id = refuse,
  set_serialized_session = refuse,
}
