return require("kong.plugins.pre-function.functions_handler")(-1000)
