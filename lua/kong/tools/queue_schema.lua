-- The record of a queue's settings in plugin schemas, by its former name.
return require("kong.db.schema.typedefs").queue
