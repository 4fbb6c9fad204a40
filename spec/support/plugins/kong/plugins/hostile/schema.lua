return {
  name = "hostile",
  fields = { { config = { type = "record", fields = { { calls = { type = "integer", default = 40 } } } } } },
}
