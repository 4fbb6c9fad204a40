-- require "resty.sha1": the digest as an object.
return require("resty.evp").class("sha1")
