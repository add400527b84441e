// A parsed template. Nodes name their variables until jinja_scope has given each its slot.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "text/jinja_filters.h"

namespace hearth::text::jinja {

// Where a variable lies: in the slots of the function it belongs to, `hops` functions around the
// one that runs.
struct Slot {
  uint32_t hops = 0;
  uint32_t index = 0;
};

enum class ExprKind : uint8_t {
  constant,     // number in `literal`
  name,         // read
  store,        // written: a target of set, for, with, or a parameter
  space_store,  // namespace.attribute, written: `name`, `attribute`
  tuple,
  list,
  dict,       // args: key, value, key, value, ...
  unary,      // op: - +
  binary,     // op: + - * / // % **
  logic,      // op: and or
  negation,   // not
  compare,    // args[0] ops[0] args[1] ops[1] args[2] ...
  concat,     // ~
  condition,  // args: value, test, and maybe the value otherwise
  attribute,  // args[0].name
  item,       // args[0][args[1]]
  slice,      // args[0][args[1]:args[2]:args[3]], any of the last three may be null
  call,       // args[0](call)
  filter,     // args[0]|name(call); no args[0] in a filter block
  test,       // args[0] is name(call)
};

struct Expr;
using ExprPtr = std::unique_ptr<Expr>;

struct CallArgs {
  std::vector<ExprPtr> values;
  std::vector<std::pair<std::string, ExprPtr>> named;
  ExprPtr more_values;  // *expression
  ExprPtr more_named;   // **expression
};

enum class Literal : uint8_t { none, boolean, whole, real, text };

struct Expr {
  ExprKind kind = ExprKind::constant;
  Literal literal = Literal::none;
  uint32_t line = 1;
  uint32_t height = 1;    // expressions inside each other
  std::string name;       // of a variable, attribute, filter or test; an operator; digits; text
  std::string attribute;  // of space_store
  std::vector<std::string> ops;
  std::vector<ExprPtr> args;
  CallArgs call;
  double real = 0;
  bool truth = false;
  Slot slot;
  uint32_t constant = 0;  // number among the texts of the template
  FilterFunction filter = nullptr;
  TestFunction test = nullptr;
};

// What happens to the slots of a scope when it is entered, in order.
struct Load {
  enum Action : uint8_t { parameter, resolve, alias, clear };
  Action action = clear;
  uint32_t slot = 0;
  Slot from;         // alias
  std::string name;  // resolve
};

enum class StmtKind : uint8_t {
  output,      // data or expressions
  set,         // target, value
  set_block,   // target, filter or null, body
  condition,   // value: test; body; elifs: more conditions; otherwise
  loop,        // target, value: iterable, test, body, otherwise
  macro,       // name, parameters, body
  call_block,  // value: call or null for `generation`; parameters, body
  filter_block,
  with,   // targets in `parameters`, values in `defaults`
  block,  // name, body
  leave,  // break
  next,   // continue
};

struct Stmt;
using StmtPtr = std::unique_ptr<Stmt>;

// What runs with slots of its own: the template, a macro, a recursive loop.
struct FunctionShape {
  uint32_t slots = 0;
  bool captured = false;  // a function inside may outlive the run
};

struct Stmt {
  StmtKind kind = StmtKind::output;
  uint32_t line = 1;
  std::string name;
  std::string data;  // output of text when there is no value
  ExprPtr target;
  ExprPtr value;
  ExprPtr filter;
  ExprPtr test;
  std::vector<StmtPtr> body;
  std::vector<StmtPtr> elifs;
  std::vector<StmtPtr> otherwise;
  std::vector<ExprPtr> parameters;
  std::vector<ExprPtr> defaults;
  bool recursive = false;

  // Filled in by jinja_scope.
  std::vector<Load> loads;            // of the body
  std::vector<Load> otherwise_loads;  // of a loop's else
  std::vector<Load> test_loads;       // of a loop's test
  FunctionShape shape;                // of macro, call_block, recursive loop, block
  FunctionShape test_shape;           // a loop's test is a function of its own
  ExprPtr test_target;                // the same target in that function
  Slot slot;                          // of a macro's name
  int32_t loop_slot = -1;             // of `loop`, when the body asks for it
  int32_t caller_slot = -1, named_slot = -1, more_slot = -1;  // caller, kwargs, varargs
  std::vector<std::pair<std::string, Slot>> exports;          // names that blocks see from here on
};

struct Program {
  std::vector<StmtPtr> body;
  std::vector<Load> loads;
  FunctionShape shape;
  uint32_t constants = 0;
};

// All expressions that stand directly in a call.
template <class Each>
void each_argument(const CallArgs& call, const Each& each) {
  for (const ExprPtr& value : call.values) each(*value);
  for (const auto& [name, value] : call.named) each(*value);
  if (call.more_values) each(*call.more_values);
  if (call.more_named) each(*call.more_named);
}

}  // namespace hearth::text::jinja
