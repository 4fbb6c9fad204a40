-- require "resty.sha256": the digest as an object.
return require("resty.evp").class("sha256")
