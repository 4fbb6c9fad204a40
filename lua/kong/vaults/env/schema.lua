-- Configuration of the env vault: a prefix of the environment variables it reads.
return {
  name = "env",
  fields = {
    { config = {
      type = "record",
      fields = {
        { prefix = {
          type = "string",
          match = [[^[%a_-][%a%d_-]*$]],
          description = "What the names of the environment variables begin with.",
        }, },
      },
    }, },
  },
}
