/* Requests as a client sends them. */
#include "fuzz_h1.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len) { return fuzz_h1(data, len, true); }
