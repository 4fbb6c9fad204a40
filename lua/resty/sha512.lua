-- require "resty.sha512": the digest as an object.
return require("resty.evp").class("sha512")
