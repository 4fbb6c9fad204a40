/* base/clock and base/settings. */
#include "base/clock.h"

#include "base/settings.h"
#include "base/str.h"
#include "ktest.h"

TEST(http_dates)
{
    char out[32];
    EXPECT_STR("Sun, 06 Nov 1994 08:49:37 GMT", kgw_str(out, kgw_http_time(out, 784111777)));
    static const char *const forms[] = {"Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"};
    for (size_t i = 0; i < KGW_ARRAY_LEN(forms); i++) {
        int64_t s = 0;
        EXPECT_EQ(KGW_OK, kgw_http_time_parse(kgw_str_c(forms[i]), &s));
        EXPECT_EQ(784111777, s);
    }
    int64_t s;
    EXPECT_EQ(KGW_ERROR, kgw_http_time_parse(KGW_STR("yesterday"), &s));
}

TEST(settings)
{
    kgw_settings_set("a", "1", 1);
    kgw_settings_set("list.2.x", "on", 2);
    kgw_settings_set("a", "22", 2);
    EXPECT_EQ(22, kgw_settings_int("a", 0));
    EXPECT_EQ(5, kgw_settings_int("none", 5));
    EXPECT(kgw_settings_bool("list.2.x", false));
    EXPECT(strcmp(kgw_settings_getf("list.%d.x", 2), "on") == 0);
    kgw_settings_clear();
    EXPECT(kgw_settings_get("a") == NULL);
}
