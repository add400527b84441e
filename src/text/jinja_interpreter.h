// Runs a parsed template.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "text/jinja_ast.h"
#include "text/jinja_runtime.h"

namespace hearth::text::jinja {

// The slots of one run of a function.
struct Activation {
  std::vector<Value> slots;
  Activation* parent = nullptr;  // the run that defined the function
};

struct Macro : Object {
  Macro(Ledger& owner, const Stmt& definition, Activation& around)
      : Object(owner), stmt(definition), closure(around) {
    charge(sizeof *this);
  }
  const Stmt& stmt;
  Activation& closure;
};

// What `loop` is inside of a for.
struct Loop : Object {
  Loop(Ledger& owner, const Stmt& definition, std::vector<Value> values)
      : Object(owner), stmt(definition), items(std::move(values)) {
    charge(sizeof *this + items.capacity() * sizeof(Value));
  }

  const Stmt& stmt;
  std::vector<Value> items;  // those before `next` are done
  size_t next = 0;
  int64_t index0 = -1;
  int64_t length = -1;  // once somebody asked
  int64_t depth0 = 0;
  Value before, current;
  Value after;  // looked at ahead of its turn
  std::vector<Value> changed;
  bool asked_changed = false;
  bool ended = false;
  Activation* closure = nullptr;  // where the for stands
  Activation test;                // the slots of its test
};

class Interpreter final : public Runtime {
 public:
  Interpreter(const Program& program, const Limits& limits, const CivilTime& now)
      : Runtime(limits, now), program_(program), texts_(program.constants) {}
  ~Interpreter() override;

  void set_variable(std::string name, Value value) {
    variables_[std::move(name)] = std::move(value);
  }

  // The text of the template; an error names the line where it happened.
  [[nodiscard]] Result<std::string> render();

  [[nodiscard]] Result<Value> call(const Value& callee, Args args) override;
  [[nodiscard]] Result<Value> attribute(const Value& value, std::string_view name) override;
  // A namespace lives as long as the rendering: it can hold itself.
  [[nodiscard]] Result<Value> space(std::vector<Entry> entries) override;

 private:
  enum class Flow { on, leave, next };
  class Nested;
  class Switch;
  class Capture;

  // jinja_interpreter.cc: statements
  [[nodiscard]] Result<Flow> run(const std::vector<StmtPtr>& body);
  [[nodiscard]] Result<Flow> run(const Stmt& stmt);
  [[nodiscard]] Result<void> write(std::string_view text);
  [[nodiscard]] Result<void> output(const Stmt& stmt);
  [[nodiscard]] Result<Flow> set(const Stmt& stmt);
  [[nodiscard]] Result<Flow> condition(const Stmt& stmt);
  [[nodiscard]] Result<Flow> set_block(const Stmt& stmt);
  [[nodiscard]] Result<Flow> filter_block(const Stmt& stmt);
  [[nodiscard]] Result<Flow> with(const Stmt& stmt);
  [[nodiscard]] Result<Flow> block(const Stmt& stmt);
  [[nodiscard]] Result<void> define(const Stmt& stmt);
  [[nodiscard]] Result<void> call_block(const Stmt& stmt);
  [[nodiscard]] Result<void> assign(const Expr& target, const Value& value);
  void share(const Stmt& stmt);
  [[nodiscard]] Result<void> enter(const std::vector<Load>& loads);
  void leave(const std::vector<Load>& loads);
  [[nodiscard]] Value resolve(const std::string& name);
  [[nodiscard]] Value& at(const Slot& slot);
  [[nodiscard]] Value& here(int32_t slot) { return frame_->slots[static_cast<size_t>(slot)]; }
  // Slots for one run of a function; kept to the end when functions inside may need them.
  [[nodiscard]] Activation& open(const FunctionShape& shape, Activation* parent,
                                 Activation& unless_kept);

  // jinja_functions.cc: macros and loops
  [[nodiscard]] Result<Value> call_macro(const Macro& macro, Args args);
  [[nodiscard]] Result<void> bind_parameters(const Stmt& stmt, Args& args);
  [[nodiscard]] Result<Flow> loop(const Stmt& stmt);
  [[nodiscard]] Result<Flow> run_loop(const Stmt& stmt, const Value& iterable, int64_t depth0,
                                      Activation* closure);
  [[nodiscard]] Result<Flow> run_items(const Stmt& stmt, Loop& loop, const Value& loop_value,
                                       bool& ran);
  [[nodiscard]] Result<Value> run_recursive(const Stmt& stmt, const Value& iterable, int64_t depth0,
                                            Activation* closure);
  [[nodiscard]] Result<Value> advance(Loop& loop);
  [[nodiscard]] Result<bool> passes(Loop& loop, const Value& item);
  [[nodiscard]] Result<Value> peek(Loop& loop);
  [[nodiscard]] Result<int64_t> loop_length(Loop& loop);
  [[nodiscard]] Result<Value> loop_attribute(const Value& value, std::string_view name);

  // jinja_expression.cc
  [[nodiscard]] Result<Value> eval(const Expr& expr);
  [[nodiscard]] Result<Value> constant(const Expr& expr);
  [[nodiscard]] Result<Value> collection(const Expr& expr);
  [[nodiscard]] Result<Value> dict_literal(const Expr& expr);
  [[nodiscard]] Result<Value> unary(const Expr& expr);
  [[nodiscard]] Result<Value> binary(const Expr& expr);
  [[nodiscard]] Result<Value> compare(const Expr& expr);
  [[nodiscard]] Result<Value> concat(const Expr& expr);
  [[nodiscard]] Result<Value> conditional(const Expr& expr);
  [[nodiscard]] Result<Value> slice(const Expr& expr);
  [[nodiscard]] Result<Value> eval_call(const Expr& expr, const Value* caller);
  [[nodiscard]] Result<Value> filter(const Expr& expr);
  [[nodiscard]] Result<Value> test(const Expr& expr);
  [[nodiscard]] Result<Args> arguments(const CallArgs& call);

  const Program& program_;
  std::map<std::string, Value> variables_;  // the input
  std::map<std::string, Value> exported_;   // set at the top level: what blocks see
  std::vector<Value> texts_;                // of the template, made when they are first needed
  std::vector<std::unique_ptr<Activation>> kept_;
  std::vector<Value> spaces_;
  Activation* frame_ = nullptr;
  std::string* out_ = nullptr;
  Value piped_;  // what a filter block is filtering
  uint32_t line_ = 1;
  size_t depth_ = 0;
};

// One level of statements and expressions inside each other.
class Interpreter::Nested {
 public:
  explicit Nested(Interpreter& interpreter) : depth_(interpreter.depth_) { ++depth_; }
  Nested(const Nested&) = delete;
  Nested& operator=(const Nested&) = delete;
  ~Nested() { --depth_; }
  [[nodiscard]] Result<void> check(const Limits& limits) const {
    if (depth_ <= limits.nesting) return {};
    return fail(ErrorCode::too_large, "it nests deeper than ", limits.nesting, " levels");
  }

 private:
  size_t& depth_;
};

// Other slots for as long as it lives.
class Interpreter::Switch {
 public:
  Switch(Interpreter& interpreter, Activation& to) : frame_(interpreter.frame_), back_(frame_) {
    frame_ = &to;
  }
  Switch(const Switch&) = delete;
  Switch& operator=(const Switch&) = delete;
  ~Switch() { frame_ = back_; }

 private:
  Activation*& frame_;
  Activation* back_;
};

// Takes what is written for as long as it lives.
class Interpreter::Capture {
 public:
  explicit Capture(Interpreter& interpreter) : out_(interpreter.out_), back_(out_) { out_ = &text; }
  Capture(const Capture&) = delete;
  Capture& operator=(const Capture&) = delete;
  ~Capture() { out_ = back_; }

  std::string text;

 private:
  std::string*& out_;
  std::string* back_;
};

}  // namespace hearth::text::jinja
