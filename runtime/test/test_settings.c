#include "ktest.h"

#include "base/settings.h"

static void set(const char *key, const char *value) { kgw_settings_set(key, value, strlen(value)); }

TEST(values_by_key)
{
    kgw_settings_clear();
    EXPECT(kgw_settings_get("a") == NULL);
    set("a", "1");
    set("listeners.1.ip", "127.0.0.1");
    set("a", "2");
    EXPECT(strcmp(kgw_settings_get("a"), "2") == 0);
    EXPECT(strcmp(kgw_settings_getf("listeners.%u.ip", 1u), "127.0.0.1") == 0);
    EXPECT(kgw_settings_getf("listeners.%u.ip", 2u) == NULL);
    kgw_settings_clear();
    EXPECT(kgw_settings_get("a") == NULL);
}

TEST(numbers_and_flags)
{
    kgw_settings_clear();
    set("n", "60000");
    set("text", "abc");
    set("empty", "");
    set("yes", "on");
    set("no", "off");
    EXPECT_EQ(60000, kgw_settings_int("n", 1));
    EXPECT_EQ(7, kgw_settings_int("text", 7));
    EXPECT_EQ(7, kgw_settings_int("empty", 7));
    EXPECT_EQ(7, kgw_settings_int("missing", 7));
    EXPECT(kgw_settings_bool("yes", false));
    EXPECT(!kgw_settings_bool("no", true));
    EXPECT(kgw_settings_bool("missing", true));
    kgw_settings_clear();
}

TEST(many)
{
    char key[16];
    kgw_settings_clear();
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        set(key, key);
    }
    for (int i = 0; i < 1000; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        EXPECT(strcmp(kgw_settings_get(key), key) == 0);
    }
    kgw_settings_clear();
}
