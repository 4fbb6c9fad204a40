-- What AI plugins have to know of a model: who provides it, how to be let in, and its settings. A record schema that plugins
-- take as (part of) their configuration.
local typedefs = require "kong.db.schema.typedefs"


local function field(kind, description, more)
  local made = more or {}
  made.type, made.description, made.required = kind, description, false
  return made
end


local auth = {
  type = "record",
  required = false,
  fields = {
    { header_name = field("string", "Header for the key.", { referenceable = true }) },
    { header_value = field("string", "The header's value.", { encrypted = true, referenceable = true }) },
    { param_name = field("string", "Parameter for the key.", { referenceable = true }) },
    { param_value = field("string", "The parameter's value.", { encrypted = true, referenceable = true }) },
    { param_location = field("string", "Where the parameter goes.", { one_of = { "query", "body" } }) },
    { gcp_use_service_account = field("boolean", "Whether to log in as a Google service account.", { default = false }) },
    { gcp_service_account_json = field("string", "The service account's key file.", { referenceable = true }) },
    { aws_access_key_id = field("string", "Id of the AWS access key.", { encrypted = true, referenceable = true }) },
    { aws_secret_access_key = field("string", "Secret of the AWS access key.", { encrypted = true, referenceable = true }) },
    { allow_override = field("boolean", "Whether a client's own key is kept.", { default = false }) },
  },
}

local gemini = {
  type = "record",
  required = false,
  fields = {
    { api_endpoint = field("string", "Host of the regional endpoint.") },
    { project_id = field("string", "Id of the project.") },
    { location_id = field("string", "Id of the location.") },
  },
  entity_checks = { { mutually_required = { "api_endpoint", "project_id", "location_id" } } },
}

local bedrock = {
  type = "record",
  required = false,
  fields = { { aws_region = field("string", "Region, instead of AWS_REGION of the environment.") } },
}

local huggingface = {
  type = "record",
  required = false,
  fields = {
    { use_cache = field("boolean", "Whether answers may come from the cache.") },
    { wait_for_model = field("boolean", "Whether to wait for a model that is not ready.") },
  },
}

local options = {
  type = "record",
  required = false,
  description = "Settings of the model.",
  fields = {
    { max_tokens = field("integer", "Tokens of an answer, at most.") },
    { input_cost = field("number", "What a million tokens of prompts cost.", { gt = 0 }) },
    { output_cost = field("number", "What a million tokens of answers cost.", { gt = 0 }) },
    { temperature = field("number", "Temperature of the sampling.", { between = { 0.0, 5.0 } }) },
    { top_p = field("number", "Part of the probability to sample from.", { between = { 0, 1 } }) },
    { top_k = field("integer", "Number of tokens to sample from.", { between = { 0, 500 } }) },
    { anthropic_version = field("string", "Version of Anthropic's API.") },
    { azure_instance = field("string", "Name of the Azure instance.") },
    { azure_api_version = field("string", "Version of Azure's API.", { default = "2023-05-15" }) },
    { azure_deployment_id = field("string", "Id of the Azure deployment.") },
    { llama2_format = field("string", "What a llama2 server understands.", { one_of = { "raw", "openai", "ollama" } }) },
    { mistral_format = field("string", "What a mistral server understands.", { one_of = { "openai", "ollama" } }) },
    { upstream_url = typedefs.url { required = false, description = "Full URL, instead of the provider's." } },
    { upstream_path = field("string", "Path, instead of the provider's.") },
    { gemini = gemini },
    { bedrock = bedrock },
    { huggingface = huggingface },
  },
}

local model = {
  type = "record",
  required = true,
  fields = {
    { provider = {
      type = "string",
      required = true,
      one_of = { "openai", "azure", "anthropic", "cohere", "mistral", "llama2", "gemini", "bedrock", "huggingface" },
      description = "Who provides the model.",
    } },
    { name = field("string", "Name of the model.") },
    { options = options },
  },
}

local logging = {
  type = "record",
  required = true,
  fields = {
    { log_statistics = {
      type = "boolean",
      required = true,
      default = false,
      description = "Whether log plugins see how much was used.",
    } },
    { log_payloads = {
      type = "boolean",
      required = true,
      default = false,
      description = "Whether log plugins see prompts and answers.",
    } },
  },
}


local function needs(provider, option, err)
  return { conditional_at_least_one_of = {
    if_field = "model.provider",
    if_match = { one_of = { provider } },
    then_at_least_one_of = { "model.options." .. option },
    then_err = err or "must set %s for " .. provider .. " provider",
  } }
end


local function check_statistics(entity)
  local route_type, provider = entity.route_type, entity.model.provider
  if entity.logging.log_statistics and route_type == "llm/v1/completions" and provider == "anthropic" then
    return nil, provider .. " does not support statistics when route_type is " .. route_type
  end
  return true
end


return {
  type = "record",
  fields = {
    { route_type = {
      type = "string",
      required = true,
      one_of = { "llm/v1/chat", "llm/v1/completions", "preserve" },
      description = "What the model is asked for; preserve: requests pass as they are.",
    } },
    { auth = auth },
    { model = model },
    { logging = logging },
  },
  entity_checks = {
    { conditional = {
      if_field = "model.provider",
      if_match = { one_of = { "bedrock", "gemini" } },
      then_field = "auth.allow_override",
      then_match = { eq = false },
      then_err = "bedrock and gemini only support auth.allow_override = false",
    } },
    { mutually_required = { "auth.header_name", "auth.header_value" } },
    { mutually_required = { "auth.param_name", "auth.param_value", "auth.param_location" } },
    needs("llama2", "llama2_format"),
    needs("mistral", "mistral_format"),
    needs("anthropic", "anthropic_version"),
    needs("azure", "azure_instance"),
    needs("azure", "azure_api_version"),
    needs("azure", "azure_deployment_id"),
    needs("llama2", "upstream_url", "must set %s for self-hosted providers/models"),
    { custom_entity_check = { field_sources = { "route_type", "model", "logging" }, fn = check_statistics } },
  },
}
