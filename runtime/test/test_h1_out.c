#include "ktest.h"

#include "base/str.h"
#include "http/h1_out.h"

static kgw_str_t text(kgw_chain_t *c)
{
    static char buf[300000];
    kgw_chain_copy_out(c, buf, c->bytes);
    return kgw_str(buf, c->bytes);
}

TEST(head_of_a_response)
{
    kgw_out_t o;
    kgw_chain_t c;
    kgw_chain_init(&c);
    kgw_out_init(&o);
    kgw_out_status_line(&o, 404, KGW_STR_NULL);
    kgw_out_field(&o, KGW_STR("A"), KGW_STR("b"));
    kgw_out_field(&o, KGW_STR("Empty"), KGW_STR(""));
    kgw_out_add(&o, "\r\n", 2);
    kgw_out_flush(&o, &c);
    EXPECT_STR("HTTP/1.1 404 Not Found\r\nA: b\r\nEmpty: \r\n\r\n", text(&c));
    kgw_chain_fini(&c);
    kgw_out_init(&o);
    kgw_out_status_line(&o, 299, KGW_STR("Odd"));
    kgw_out_flush(&o, &c);
    EXPECT_STR("HTTP/1.1 299 Odd\r\n", text(&c));
    kgw_chain_fini(&c);
}

TEST(head_larger_than_a_block_grows)
{
    kgw_out_t o;
    kgw_chain_t c;
    static char value[5000];
    memset(value, 'v', sizeof(value));
    kgw_chain_init(&c);
    kgw_out_init(&o);
    for (int i = 0; i < 20; i++) kgw_out_field(&o, KGW_STR("Name"), kgw_str(value, sizeof(value)));
    kgw_out_flush(&o, &c);
    EXPECT_EQ(20 * (4 + 2 + 5000 + 2), c.bytes);
    EXPECT_EQ(1, c.cnt);
    kgw_chain_fini(&c);
}

TEST(chunks)
{
    kgw_chain_t body, out;
    kgw_chain_init(&body);
    kgw_chain_init(&out);
    kgw_chunk_add(&out, &body);
    EXPECT_EQ(0, out.bytes);
    kgw_chain_add_copy(&body, "0123456789abcdef!", 17);
    kgw_chunk_add(&out, &body);
    kgw_chunk_last(&out, NULL);
    EXPECT_STR("11\r\n0123456789abcdef!\r\n0\r\n\r\n", text(&out));
    kgw_chain_fini(&out);
    kgw_chain_fini(&body);
}

TEST(trailers_that_change_the_message_are_dropped)
{
    kgw_arena_t a;
    kgw_hdrs_t t;
    kgw_chain_t out;
    kgw_arena_init(&a);
    kgw_hdrs_init(&t, &a);
    kgw_chain_init(&out);
    kgw_hdrs_add(&t, KGW_STR("Content-Length"), KGW_STR("5"));
    kgw_hdrs_add(&t, KGW_STR("Host"), KGW_STR("h"));
    kgw_hdrs_add(&t, KGW_STR("X-Sum"), KGW_STR("1"));
    kgw_chunk_last(&out, &t);
    EXPECT_STR("0\r\nX-Sum: 1\r\n\r\n", text(&out));
    kgw_chain_fini(&out);
    kgw_arena_reset(&a);
}
