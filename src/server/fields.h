// The members of a JSON object that a stranger sent. Each is read with its limits; the first that
// is wrong is remembered, and so is every member that nobody asked for: nothing is dropped in
// silence.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "server/problem.h"

namespace hearth::server {

class Fields {
 public:
  static constexpr size_t kMaxTextBytes = size_t{64} << 20;

  // A problem when it is no object. Refers to `object`.
  explicit Fields(const Json& object, std::string_view path = "");

  // Each: none when the member is absent, null or wrong; then problem() says so.
  [[nodiscard]] std::optional<double> number(std::string_view name, double least, double most);
  [[nodiscard]] std::optional<int64_t> integer(std::string_view name, int64_t least, int64_t most);
  [[nodiscard]] std::optional<uint64_t> seed(std::string_view name);  // any whole number
  [[nodiscard]] std::optional<bool> boolean(std::string_view name);
  [[nodiscard]] std::optional<std::string> text(std::string_view name,
                                                size_t most_bytes = kMaxTextBytes);
  // A text or a list of texts.
  [[nodiscard]] std::vector<std::string> texts(std::string_view name, size_t most);
  // The index of one of some words.
  [[nodiscard]] std::optional<size_t> choice(std::string_view name,
                                             std::initializer_list<std::string_view> words);
  // Null when there is none.
  [[nodiscard]] const Json* list(std::string_view name, size_t most);
  [[nodiscard]] const Json* any(std::string_view name);
  // The members of a member; problems and what is not read count for this one too. None when it is
  // absent, null or no object.
  [[nodiscard]] std::optional<Fields> object(std::string_view name);
  // Likewise for each object of a list; nothing when one is no object.
  [[nodiscard]] std::vector<Fields> objects(std::string_view name, size_t most);

  // A problem when the member is absent or null.
  void require(std::string_view name);
  // Members that are understood, and change nothing here.
  void ignore(std::initializer_list<std::string_view> names);
  // What a member holds and we could not use, under any name.
  void ignore_part(std::string_view path) { notes_->all.insert(std::string(path)); }
  // A problem when the member is there, and is neither null, false, 0, "" nor empty.
  void forbid(std::string_view name, std::string_view why);
  // A problem with a member; `what` goes on behind its name, as in "must be below 3".
  void fail(std::string_view name, std::string_view what);
  // One that was found elsewhere.
  void fail(Problem problem);

  [[nodiscard]] bool has(std::string_view name) const;  // and is not null
  [[nodiscard]] const std::optional<Problem>& problem() const { return notes_->problem; }
  // Paths of members that were ignored, or that nobody asked for: for the header x-ignored-fields.
  // Places in lists are left out, as in "messages[].name": a path is told once.
  [[nodiscard]] std::vector<std::string> ignored() const;

 private:
  // What a request's objects share.
  struct Notes {
    std::optional<Problem> problem;
    std::set<std::string> read;
    std::set<std::string> all;
  };

  Fields(const Json& object, std::string_view path, std::shared_ptr<Notes> notes);
  [[nodiscard]] const Json* take(std::string_view name);
  [[nodiscard]] std::string path_of(std::string_view name) const;

  const Json* object_;
  std::string path_;
  std::shared_ptr<Notes> notes_;
};

}  // namespace hearth::server
