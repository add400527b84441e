#include "server/response_store.h"

#include <gtest/gtest.h>

#include "base/text.h"

namespace hearth::server {
namespace {

using protocol::Json;

ResponseStore::Entry entry(std::string_view id, std::string_view previous = "", size_t bytes = 0) {
  return {.response = {{"id", id}},
          .input = Json::array({std::string(bytes, 'x')}),
          .previous = std::string(previous)};
}

std::string ids(const std::vector<ResponseStore::Held>& all) {
  std::string joined;
  for (const auto& held : all) joined += held->response["id"].get_ref<const std::string&>();
  return joined;
}

class ResponseStoreTest : public testing::Test {
 protected:
  double now_ = 100;
  ResponseStore store_{[this] { return now_; }, 100000, 60};
};

TEST_F(ResponseStoreTest, KeepsAndRemoves) {
  store_.put(entry("a"));
  ASSERT_NE(store_.find("a"), nullptr);
  EXPECT_EQ(store_.find("a")->response["id"], "a");
  EXPECT_EQ(store_.find("b"), nullptr);
  EXPECT_TRUE(store_.remove("a"));
  EXPECT_FALSE(store_.remove("a"));
  EXPECT_EQ(store_.find("a"), nullptr);
}

TEST_F(ResponseStoreTest, ConversationsGoBackToTheirBeginning) {
  store_.put(entry("a"));
  store_.put(entry("b", "a"));
  store_.put(entry("c", "b"));
  store_.put(entry("d", "b"));
  EXPECT_EQ(ids(store_.conversation("c")), "abc");
  EXPECT_EQ(ids(store_.conversation("d")), "abd");
  EXPECT_EQ(ids(store_.conversation("a")), "a");
  EXPECT_EQ(ids(store_.conversation("x")), "");
  EXPECT_TRUE(store_.remove("a"));
  EXPECT_EQ(ids(store_.conversation("c")), "");
}

TEST_F(ResponseStoreTest, DropsWhatWasNotUsedForLongest) {
  for (const char* const id : {"a", "b", "c"}) store_.put(entry(id, "", 30000));
  EXPECT_NE(store_.find("a"), nullptr);  // now b is the oldest
  store_.put(entry("d", "", 30000));
  EXPECT_NE(store_.find("a"), nullptr);
  EXPECT_EQ(store_.find("b"), nullptr);
  EXPECT_NE(store_.find("c"), nullptr);
  EXPECT_NE(store_.find("d"), nullptr);
}

TEST_F(ResponseStoreTest, AConversationThatGoesOnStaysWhole) {
  store_.put(entry("a", "", 30000));
  store_.put(entry("x", "", 30000));
  store_.put(entry("b", "a", 30000));
  EXPECT_EQ(ids(store_.conversation("b")), "ab");
  store_.put(entry("c", "b", 30000));
  EXPECT_EQ(store_.find("x"), nullptr);
  EXPECT_EQ(ids(store_.conversation("c")), "abc");
}

TEST_F(ResponseStoreTest, WhatIsTooLargeIsNotKept) {
  store_.put(entry("a"));
  store_.put(entry("b", "", 100001));
  EXPECT_NE(store_.find("a"), nullptr);
  EXPECT_EQ(store_.find("b"), nullptr);
}

TEST_F(ResponseStoreTest, ForgetsAfterItsTime) {
  store_.put(entry("a"));
  store_.put(entry("b"));
  now_ += 50;
  EXPECT_NE(store_.find("a"), nullptr);
  now_ += 20;
  EXPECT_NE(store_.find("a"), nullptr);
  EXPECT_EQ(store_.find("b"), nullptr);
  now_ += 61;
  EXPECT_EQ(store_.find("a"), nullptr);
}

TEST_F(ResponseStoreTest, TheSameIdReplaces) {
  for (int i = 0; i < 100; ++i) store_.put(entry("a", "", 60000));
  EXPECT_NE(store_.find("a"), nullptr);
  store_.put(entry("b", "", 30000));
  EXPECT_NE(store_.find("a"), nullptr);
}

}  // namespace
}  // namespace hearth::server
