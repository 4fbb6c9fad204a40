-- require "resty.sha": the family's common module; each member is one of its own.
return { _VERSION = "0.16" }
