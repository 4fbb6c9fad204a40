-- Names that Kong's module has, for code that requires it.
local config_hash = require("kong.clustering.config_hash")

return {
  calculate_config_hash = config_hash.of_config,
  calculate_hash = config_hash.of_section,
}
