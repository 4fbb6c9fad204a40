-- require "resty.aws.config": what the environment says about AWS, read when the module is loaded (in the master, which
-- still sees every variable). Names are those of the variables; the ones code asks for by short names have both.
local getenv = os.getenv

local NAMES = {
  "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ROLE_ARN", "AWS_ROLE_SESSION_NAME",
  "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN",
  "AWS_STS_REGIONAL_ENDPOINTS", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI",
  "AWS_CONTAINER_AUTHORIZATION_TOKEN", "AWS_EC2_METADATA_DISABLED",
}

local global = {}
for _, name in ipairs(NAMES) do
  local value = getenv(name)
  if value ~= "" then
    global[name] = value
  end
end
global.region = global.AWS_REGION or global.AWS_DEFAULT_REGION
global.sts_regional_endpoints = global.AWS_STS_REGIONAL_ENDPOINTS or "regional"

return { global = global }
