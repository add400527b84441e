#include "base/base64.h"

#include <gtest/gtest.h>

#include "base/rng.h"

namespace hearth {
namespace {

TEST(Base64Test, ExamplesOfTheRfc) {
  EXPECT_EQ(base64(""), "");
  EXPECT_EQ(base64("f"), "Zg==");
  EXPECT_EQ(base64("fo"), "Zm8=");
  EXPECT_EQ(base64("foo"), "Zm9v");
  EXPECT_EQ(base64("foobar"), "Zm9vYmFy");
}

TEST(Base64Test, ReadsBackWhatItWrote) {
  Rng rng(7);
  for (size_t length = 0; length < 200; ++length) {
    std::string bytes;
    for (size_t i = 0; i < length; ++i) bytes += static_cast<char>(rng.next() & 0xFF);
    EXPECT_EQ(from_base64(base64(bytes)), bytes);
  }
}

TEST(Base64Test, PaddingMayBeMissing) { EXPECT_EQ(from_base64("Zm8"), "fo"); }

TEST(Base64Test, RefusesWhatIsNone) {
  for (const std::string_view text : {"Z", "Zm9v!", "Zm 9", "====", "Z===", "Zm8=Zg=="})
    EXPECT_FALSE(from_base64(text).has_value()) << text;
}

}  // namespace
}  // namespace hearth
