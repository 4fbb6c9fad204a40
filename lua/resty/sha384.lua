-- require "resty.sha384": the digest as an object.
return require("resty.evp").class("sha384")
