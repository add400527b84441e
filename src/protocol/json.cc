#include "protocol/json.h"

#include <vector>

namespace hearth::protocol {
namespace {

// Looks at a text without building anything. Each function says whether to go on.
class Limits final : public Json::json_sax_t {
 public:
  explicit Limits(size_t most_depth) : most_depth_(most_depth) {}

  bool null() override { return true; }
  bool boolean(bool) override { return true; }
  bool number_integer(number_integer_t) override { return true; }
  bool number_unsigned(number_unsigned_t) override { return true; }
  bool number_float(number_float_t, const string_t&) override { return true; }
  bool string(string_t&) override { return true; }
  bool binary(binary_t&) override { return true; }
  bool start_object(std::size_t) override { return open(); }
  bool end_object() override { return close(); }
  bool start_array(std::size_t) override { return open(); }
  bool end_array() override { return close(); }
  bool key(string_t&) override {
    if (++members_.back() <= kMaxJsonMembers) return true;
    error_ =
        Error{ErrorCode::too_large, cat("an object has more than ", kMaxJsonMembers, " members")};
    return false;
  }
  bool parse_error(std::size_t position, const std::string&,
                   const nlohmann::detail::exception& problem) override {
    // Out of range: a number that no double holds.
    const bool number = problem.id >= 400 && problem.id < 500;
    error_ = Error{ErrorCode::bad_file,
                   number ? cat("holds a number that is too large, before byte ", position)
                          : cat("is no JSON at byte ", position)};
    return false;
  }

  [[nodiscard]] const Error& error() const { return error_; }

 private:
  bool open() {
    members_.push_back(0);
    if (members_.size() <= most_depth_) return true;
    error_ = Error{ErrorCode::too_large,
                   cat("has lists or objects more than ", most_depth_, " deep in each other")};
    return false;
  }
  bool close() {
    members_.pop_back();
    return true;
  }

  size_t most_depth_;
  std::vector<size_t> members_;  // of the objects and lists that are open
  Error error_{ErrorCode::bad_file, "is no JSON"};
};

}  // namespace

Result<Json> parse_json(std::string_view text, size_t most_depth) {
  Limits limits(most_depth);
  if (!Json::sax_parse(text, &limits)) return tl::unexpected<Error>(limits.error());
  return Json::parse(text, nullptr, false);
}

}  // namespace hearth::protocol
