-- The mirror is switched on globally and has no settings.
return {
  name = "kgw-mirror",
  fields = { { config = { type = "record", fields = {} } } },
}
