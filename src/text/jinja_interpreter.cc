#include "text/jinja_interpreter.h"

#include "text/jinja_globals.h"
#include "text/jinja_lexer.h"

namespace hearth::text::jinja {

Interpreter::~Interpreter() {
  // Namespaces may hold each other: emptied one by one, so that nothing is left and no chain of
  // them is followed from one destructor to the next.
  for (const Value& space : spaces_) space.as<Dict>().entries.clear();
}

Result<std::string> Interpreter::render() {
  std::string text;
  out_ = &text;
  Activation own;
  Activation& frame = open(program_.shape, nullptr, own);
  frame_ = &frame;
  Result<void> done = enter(program_.loads);
  if (done) {
    const Result<Flow> flow = run(program_.body);
    if (!flow) done = tl::unexpected<Error>(flow.error());
  }
  if (!done) {
    const Error& error = done.error();
    return tl::unexpected<Error>(Error{error.code, at_line(line_, printable(error.message, 400))});
  }
  return text;
}

Activation& Interpreter::open(const FunctionShape& shape, Activation* parent,
                              Activation& unless_kept) {
  Activation* made = &unless_kept;
  if (shape.captured) {
    kept_.push_back(std::make_unique<Activation>());
    made = kept_.back().get();
    ledger().live += sizeof *made + shape.slots * sizeof(Value);
  }
  made->slots.resize(shape.slots);
  made->parent = parent;
  return *made;
}

Value& Interpreter::at(const Slot& slot) {
  Activation* frame = frame_;
  for (uint32_t i = 0; i < slot.hops; ++i) frame = frame->parent;
  return frame->slots[slot.index];
}

Value Interpreter::resolve(const std::string& name) {
  if (const auto at = exported_.find(name); at != exported_.end()) return at->second;
  if (const auto at = variables_.find(name); at != variables_.end()) return at->second;
  return global(*this, name);
}

Result<void> Interpreter::enter(const std::vector<Load>& loads) {
  HEARTH_CHECK(step(loads.size()));
  for (const Load& load : loads) {
    Value& slot = frame_->slots[load.slot];
    switch (load.action) {
      case Load::parameter:
        break;
      case Load::resolve:
        slot = resolve(load.name);
        break;
      case Load::alias:
        slot = Value(at(load.from));
        break;
      case Load::clear:
        slot = Value();
        break;
    }
  }
  return {};
}

void Interpreter::leave(const std::vector<Load>& loads) {
  for (const Load& load : loads) frame_->slots[load.slot] = Value();
}

Result<void> Interpreter::write(std::string_view text) {
  HEARTH_CHECK(room(out_->size() + text.size()));
  HEARTH_CHECK(step(text.size() >> 8));
  *out_ += text;
  return {};
}

Result<Value> Interpreter::space(std::vector<Entry> entries) {
  HEARTH_TRY(const Value made, dict(std::move(entries)));
  made.as<Dict>().depth = 0;  // it may hold itself, so nothing follows what is inside
  spaces_.push_back(Value::share(Kind::space, made.as<Dict>()));
  return spaces_.back();
}

Result<Interpreter::Flow> Interpreter::run(const std::vector<StmtPtr>& body) {
  for (const StmtPtr& stmt : body) {
    HEARTH_TRY(const Flow flow, run(*stmt));
    if (flow != Flow::on) return flow;
  }
  return Flow::on;
}

Result<Interpreter::Flow> Interpreter::run(const Stmt& stmt) {
  const Nested nested(*this);
  HEARTH_CHECK(nested.check(limits()));
  HEARTH_CHECK(step());
  line_ = stmt.line;
  switch (stmt.kind) {
    case StmtKind::output:
      HEARTH_CHECK(output(stmt));
      return Flow::on;
    case StmtKind::set:
      return set(stmt);
    case StmtKind::condition:
      return condition(stmt);
    case StmtKind::loop:
      return loop(stmt);
    case StmtKind::macro:
      HEARTH_CHECK(define(stmt));
      return Flow::on;
    case StmtKind::call_block:
      HEARTH_CHECK(call_block(stmt));
      return Flow::on;
    case StmtKind::set_block:
      return set_block(stmt);
    case StmtKind::filter_block:
      return filter_block(stmt);
    case StmtKind::with:
      return with(stmt);
    case StmtKind::block:
      return block(stmt);
    case StmtKind::leave:
      return Flow::leave;
    case StmtKind::next:
      return Flow::next;
  }
  return Flow::on;
}

Result<void> Interpreter::output(const Stmt& stmt) {
  if (!stmt.value) return write(stmt.data);
  HEARTH_TRY(const Value value, eval(*stmt.value));
  if (value.is(Kind::string)) return write(value.text());
  HEARTH_TRY(const std::string text, str(value));
  return write(text);
}

Result<Interpreter::Flow> Interpreter::set(const Stmt& stmt) {
  HEARTH_TRY(const Value value, eval(*stmt.value));
  line_ = stmt.line;
  HEARTH_CHECK(assign(*stmt.target, value));
  share(stmt);
  return Flow::on;
}

void Interpreter::share(const Stmt& stmt) {
  for (const auto& [name, slot] : stmt.exports) exported_[name] = at(slot);
}

Result<void> Interpreter::assign(const Expr& target, const Value& value) {
  if (target.kind == ExprKind::store) {
    at(target.slot) = value;
    return {};
  }
  if (target.kind == ExprKind::space_store) {
    const Value& space = at(target.slot);
    if (!space.is(Kind::space)) return wrong("cannot assign attribute on non-namespace object");
    space.as<Dict>().set(target.attribute, value);
    return {};
  }
  if (value.is_undefined() && target.args.empty()) return {};
  HEARTH_TRY(const std::vector<Value> parts, walk(value));
  if (parts.size() != target.args.size()) {
    return wrong(parts.size() < target.args.size() ? "not enough" : "too many",
                 " values to unpack (expected ", target.args.size(), ", got ", parts.size(), ")");
  }
  for (size_t i = 0; i < parts.size(); ++i) HEARTH_CHECK(assign(*target.args[i], parts[i]));
  return {};
}

Result<Interpreter::Flow> Interpreter::condition(const Stmt& stmt) {
  HEARTH_TRY(const Value value, eval(*stmt.value));
  if (truth(value)) return run(stmt.body);
  for (const StmtPtr& branch : stmt.elifs) {
    HEARTH_TRY(const Value other, eval(*branch->value));
    if (truth(other)) return run(branch->body);
  }
  return run(stmt.otherwise);
}

Result<Interpreter::Flow> Interpreter::set_block(const Stmt& stmt) {
  HEARTH_CHECK(enter(stmt.loads));
  std::string text;
  {
    Capture capture(*this);
    HEARTH_TRY(const Flow flow, run(stmt.body));
    if (flow != Flow::on) return flow;
    text = std::move(capture.text);
  }
  Value value = string(std::move(text));
  if (stmt.filter) {
    piped_ = value;
    HEARTH_TRY(value, eval(*stmt.filter));
  }
  HEARTH_CHECK(assign(*stmt.target, value));
  share(stmt);
  leave(stmt.loads);
  return Flow::on;
}

Result<Interpreter::Flow> Interpreter::filter_block(const Stmt& stmt) {
  HEARTH_CHECK(enter(stmt.loads));
  std::string text;
  {
    Capture capture(*this);
    HEARTH_TRY(const Flow flow, run(stmt.body));
    if (flow != Flow::on) return flow;
    text = std::move(capture.text);
  }
  piped_ = string(std::move(text));
  HEARTH_TRY(const Value value, eval(*stmt.filter));
  HEARTH_TRY(const std::string filtered, str(value));
  HEARTH_CHECK(write(filtered));
  leave(stmt.loads);
  return Flow::on;
}

Result<Interpreter::Flow> Interpreter::with(const Stmt& stmt) {
  HEARTH_CHECK(enter(stmt.loads));
  for (size_t i = 0; i < stmt.parameters.size(); ++i) {
    HEARTH_TRY(const Value value, eval(*stmt.defaults[i]));
    HEARTH_CHECK(assign(*stmt.parameters[i], value));
  }
  HEARTH_TRY(const Flow flow, run(stmt.body));
  leave(stmt.loads);
  return flow;
}

Result<Interpreter::Flow> Interpreter::block(const Stmt& stmt) {
  Activation own;
  const Switch frame(*this, open(stmt.shape, nullptr, own));
  HEARTH_CHECK(enter(stmt.loads));
  return run(stmt.body);
}

Result<void> Interpreter::define(const Stmt& stmt) {
  at(stmt.slot) = Value::object(Kind::macro, std::make_unique<Macro>(ledger(), stmt, *frame_));
  share(stmt);
  return {};
}

Result<void> Interpreter::call_block(const Stmt& stmt) {
  const Value caller = Value::object(Kind::macro, std::make_unique<Macro>(ledger(), stmt, *frame_));
  HEARTH_TRY(const Value value, stmt.value ? eval_call(*stmt.value, &caller) : call(caller, {}));
  HEARTH_TRY(const std::string text, str(value));
  return write(text);
}

}  // namespace hearth::text::jinja
