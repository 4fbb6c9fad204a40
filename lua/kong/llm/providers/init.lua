-- Where the models of each provider are reached, and what they want and return when that is not OpenAI's format. A provider:
--   endpoint(model, route_type) -> URL; to(request, model, route_type) -> table; from(response, route_type, model) -> table;
--   can_stream: its event streams have OpenAI's format; query(model) -> arguments.
-- `to` and `from` are nil for those that speak OpenAI's format.
local endpoint = require "kong.llm.providers.endpoint"

local fmt = string.format

local CHAT, COMPLETIONS = "llm/v1/chat", "llm/v1/completions"
local OPENAI_PATHS = { [CHAT] = "/v1/chat/completions", [COMPLETIONS] = "/v1/completions" }
local AZURE_PATHS = { [CHAT] = "/chat/completions", [COMPLETIONS] = "/completions" }

local providers = {
  anthropic = require "kong.llm.providers.anthropic",
  cohere = require "kong.llm.providers.cohere",
  gemini = require "kong.llm.providers.gemini",
}


providers.openai = { endpoint = endpoint.new("https://api.openai.com", OPENAI_PATHS), can_stream = true }

providers.mistral = { endpoint = endpoint.new("https://api.mistral.ai", OPENAI_PATHS), can_stream = true }

-- Self-hosted: upstream_url is required.
providers.llama2 = { endpoint = endpoint.new("", {}), can_stream = true }

providers.azure = {
  endpoint = endpoint.new(function(options)
    return fmt("https://%s.openai.azure.com/openai/deployments/%s", options.azure_instance, options.azure_deployment_id)
  end, AZURE_PATHS),
  query = function(model)
    return { ["api-version"] = model.options and model.options.azure_api_version }
  end,
  can_stream = true,
}


return providers
