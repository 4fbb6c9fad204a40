-- The texts of the schema language. Owns every message a schema can produce, so that the Admin API,
-- the declarative loader and custom plugins see the same words.
-- Used by: kong.db.schema and its helpers, typedefs, entities. Must never hold logic.
local messages = {
  -- types
  STRING = "expected a string",
  NUMBER = "expected a number",
  INTEGER = "expected an integer",
  BOOLEAN = "expected a boolean",
  ARRAY = "expected an array",
  SET = "expected a set",
  MAP = "expected a map",
  RECORD = "expected a record",
  FUNCTION = "expected a function",
  JSON = "value must be JSON-serializable",
  UNKNOWN_TYPE = "unknown type: %s",

  -- values
  REQUIRED = "required field missing",
  REQUIRED_FOR_ENTITY_CHECK = "field required for entity check",
  UNKNOWN = "unknown field",
  IMMUTABLE = "immutable field cannot be updated",
  ABSTRACT = "fields with abstract attribute must be specialized in a subschema",
  EQ = "value must be %s",
  NE = "value must not be %s",
  GT = "value must be greater than %s",
  BETWEEN = "value should be between %s and %s",
  LEN_EQ = "length must be %d",
  LEN_MIN = "length must be at least %d",
  LEN_MAX = "length must be at most %d",
  MATCH = "invalid value: %s",
  STARTS_WITH = "should start with: %s",
  ONE_OF = "expected one of: %s",
  NOT_ONE_OF = "must not be one of: %s",
  IS_REGEX = "not a valid regex: %s",
  CONTAINS = "expected to contain: %s",
  TIMESTAMP = "expected a valid timestamp",
  UUID = "expected a valid UUID",
  VALIDATION = "failed validating: %s",
  EXCLUSIVE_SUBSETS = "these sets are mutually exclusive: %s",

  -- primary and foreign keys
  MISSING_PK = "missing primary key",
  NOT_PK = "not a primary key",
  MISSING_UNIQUE = "must be unique",

  -- entity checks
  CONDITIONAL = "failed conditional validation given value of field '%s'",
  AT_LEAST_ONE_OF = "at least one of these fields must be non-empty: %s",
  ONLY_ONE_OF = "exactly one of these fields must be non-empty: %s",
  DISTINCT = "values of these fields must be distinct: %s",
  MUTUALLY_REQUIRED = "all or none of these fields must be set: %s",
  MUTUALLY_EXCLUSIVE = "only one or none of these fields must be set: %s",
  MUTUALLY_EXCLUSIVE_SETS = "these sets are mutually exclusive: %s",
  CUSTOM_ENTITY_CHECK = "entity check failed",
  TRANSFORMATION_ERROR = "transformation failed: %s",

  -- definitions
  NO_DEFINITION = "expected a definition table",
  NO_FIELDS = "error in schema definition: no 'fields' table",
  MISSING_FIELDS = "error in schema definition: no 'fields' table",
  SUBSCHEMA_UNKNOWN = "unknown type: %s",
  SUBSCHEMA_BAD_PARENT = "entities of type '%s' cannot have subschemas",
  SUBSCHEMA_BAD_FIELD = "error in schema definition: cannot specialize field '%s'",
  SUBSCHEMA_BAD_TYPE = "error in schema definition: cannot change type in a specialized field",
  DEPRECATED_MISMATCH =
    "both deprecated and new field are used but their values mismatch: %s = %s vs %s = %s",
}


return messages
