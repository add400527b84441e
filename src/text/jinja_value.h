// Values of the template language: those of Python that templates see, with Python's rules of
// equality, order and truth. Containers never change once they are made (the sandbox of the
// reference forbids it too), so that a value can be shared freely; only namespaces do.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"

namespace hearth::text::jinja {

enum class Kind : uint8_t {
  missing,    // a slot that nothing was ever stored in; never seen by a template
  undefined,  // a name or an attribute that is not there
  none,
  boolean,
  integer,
  big,  // a whole number beyond 64 bits: it can be printed and compared, not computed with
  real,
  string,
  list,
  tuple,
  dict,
  range,
  view,       // what dict.keys(), values() and items() give
  generator,  // what map, select, ... give: can be walked once, has no length
  space,      // a namespace
  loop,
  macro,
  function,  // a built-in function or a method with the value it belongs to
  cycler,
};

// How many bytes the values of one rendering hold now. Outlives all of them.
struct Ledger {
  size_t live = 0;
};

// What a value that is no number points to. Counted by hand: values stay in one thread.
struct Object {
  Object(const Object&) = delete;
  Object& operator=(const Object&) = delete;
  explicit Object(Ledger& owner) : ledger(&owner) {}
  virtual ~Object() { ledger->live -= charged; }

  void charge(size_t bytes) {
    charged += bytes;
    ledger->live += bytes;
  }

  Ledger* ledger;
  size_t charged = 0;
  uint32_t users = 0;
  uint32_t depth = 0;  // how many containers lie inside each other; 0 for what contains nothing
};

class Value {
 public:
  Value() = default;
  Value(const Value& other) : kind_(other.kind_), data_(other.data_) { hold(); }
  Value(Value&& other) noexcept : kind_(other.kind_), data_(other.data_) {
    other.kind_ = Kind::missing;
  }
  Value& operator=(Value other) noexcept {
    std::swap(kind_, other.kind_);
    std::swap(data_, other.data_);
    return *this;
  }
  ~Value() {
    if (is_object() && --data_.object->users == 0) delete data_.object;
  }

  static Value none() { return Value(Kind::none, {}); }
  static Value boolean(bool value) { return Value(Kind::boolean, {.integer = value ? 1 : 0}); }
  static Value integer(int64_t value) { return Value(Kind::integer, {.integer = value}); }
  static Value real(double value) { return Value(Kind::real, {.real = value}); }
  static Value object(Kind kind, std::unique_ptr<Object> object) {
    Value value(kind, {.object = object.release()});
    value.hold();
    return value;
  }
  // Another user of an object that is alive already.
  static Value share(Kind kind, Object& object) {
    Value value(kind, {.object = &object});
    value.hold();
    return value;
  }

  [[nodiscard]] Kind kind() const { return kind_; }
  [[nodiscard]] bool is(Kind kind) const { return kind_ == kind; }
  [[nodiscard]] bool is_undefined() const { return kind_ == Kind::undefined; }
  // Whole numbers of 64 bits and booleans, which count as 0 and 1.
  [[nodiscard]] bool is_whole() const { return is(Kind::integer) || is(Kind::boolean); }
  [[nodiscard]] bool is_number() const { return is_whole() || is(Kind::real); }
  [[nodiscard]] bool is_sequence() const { return is(Kind::list) || is(Kind::tuple); }

  [[nodiscard]] bool as_bool() const { return data_.integer != 0; }
  [[nodiscard]] int64_t as_integer() const { return data_.integer; }
  [[nodiscard]] double as_real() const {
    return is(Kind::real) ? data_.real : static_cast<double>(data_.integer);
  }
  template <class T>
  [[nodiscard]] T& as() const {
    return static_cast<T&>(*data_.object);
  }
  [[nodiscard]] const Object* identity() const { return is_object() ? data_.object : nullptr; }
  [[nodiscard]] uint32_t depth() const { return is_object() ? data_.object->depth : 0; }

  [[nodiscard]] std::string_view text() const;               // of string and big
  [[nodiscard]] const std::vector<Value>& items() const;     // of list and tuple
  [[nodiscard]] const std::vector<Value>& unwalked() const;  // of view

 private:
  union Data {
    int64_t integer;
    double real;
    Object* object;
  };
  Value(Kind kind, Data data) : kind_(kind), data_(data) {}

  [[nodiscard]] bool is_object() const {
    return kind_ == Kind::undefined || kind_ == Kind::big || kind_ >= Kind::string;
  }
  void hold() const {
    if (is_object()) ++data_.object->users;
  }

  Kind kind_ = Kind::missing;
  Data data_{.integer = 0};
};

struct Text : Object {
  Text(Ledger& owner, std::string value) : Object(owner), text(std::move(value)) {
    charge(sizeof *this + text.capacity());
  }
  std::string text;
};

// The message tells what is not there; it is the error of whoever uses the value all the same.
struct Nothing : Object {
  Nothing(Ledger& owner, std::string value) : Object(owner), message(std::move(value)) {
    charge(sizeof *this + message.capacity());
  }
  std::string message;
};

struct Sequence : Object {
  Sequence(Ledger& owner, std::vector<Value> values);
  std::vector<Value> items;
  bool is_group = false;  // a pair of groupby, whose parts have names
};

struct Entry {
  Value key;
  Value value;
};

// Entries in the order of first insertion; a later value of the same key replaces the earlier.
struct Dict : Object {
  Dict(Ledger& owner, std::vector<Entry> values);

  [[nodiscard]] const Value* find(std::string_view key) const;
  [[nodiscard]] const Value* find(const Value& key) const;
  void set(std::string_view key, Value value);  // namespaces only

  std::vector<Entry> entries;

 private:
  [[nodiscard]] size_t place(const Value& key) const;  // in order_
  void index();

  std::vector<uint32_t> order_;  // entries sorted by key
};

struct Range : Object {
  Range(Ledger& owner, int64_t first, int64_t past, int64_t by)
      : Object(owner), start(first), stop(past), step(by) {
    charge(sizeof *this);
  }
  [[nodiscard]] int64_t size() const;
  // Steps in between may leave the 64 bits that the result fits into.
  [[nodiscard]] int64_t at(int64_t i) const {
    return static_cast<int64_t>(static_cast<uint64_t>(start) +
                                static_cast<uint64_t>(i) * static_cast<uint64_t>(step));
  }
  int64_t start, stop, step;
};

struct View : Sequence {
  View(Ledger& owner, std::string_view what, std::vector<Value> values)
      : Sequence(owner, std::move(values)), name(what) {}
  std::string_view name;  // "dict_keys", ...
};

struct Generator : Sequence {
  using Sequence::Sequence;
  size_t at = 0;  // items before it have been walked already
};

struct Cycler : Sequence {
  using Sequence::Sequence;
  size_t at = 0;
};

inline constexpr uint32_t kMaxDepth = 100;  // of values inside values

// Whether a value can be a key: no list, no dict, and tuples of plain values alone.
[[nodiscard]] bool is_key(const Value& value);

// A total order of keys in which two are equal exactly when Python says so: 1, 1.0 and true are.
[[nodiscard]] int compare_keys(const Value& a, const Value& b);

// -1, 0, 1; 2 when one is not a number (NaN). Exact, also between whole and real.
[[nodiscard]] int compare_numbers(const Value& a, const Value& b);

[[nodiscard]] bool truth(const Value& value);

// "str", "int", "Undefined", ...: as Python's messages name them.
[[nodiscard]] std::string_view type_name(const Value& value);

}  // namespace hearth::text::jinja
