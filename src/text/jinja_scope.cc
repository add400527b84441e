#include "text/jinja_scope.h"

#include <map>
#include <set>

#include "text/jinja_lexer.h"

namespace hearth::text::jinja {
namespace {

// A function: who holds the slots. Scopes at the same depth share the slots of equal names, as
// they share local variables in the reference.
struct Function {
  explicit Function(const Function* outside) : parent(outside) {}

  uint32_t slot_of(uint32_t level, const std::string& name) {
    const auto [at, added] = slots.try_emplace({level, name}, static_cast<uint32_t>(slots.size()));
    return at->second;
  }

  const Function* parent;
  std::map<std::pair<uint32_t, std::string>, uint32_t> slots;
  bool captured = false;
};

struct Ref {
  const Function* function = nullptr;
  uint32_t slot = 0;
};

// A name's slot on entry: what it is filled with.
struct Start {
  Load::Action action = Load::clear;
  Ref from;
  std::string name;
};

class Symbols {
 public:
  Symbols(const Symbols* outside, Function& owner)
      : parent_(outside), function_(&owner), level_(outside == nullptr ? 0 : outside->level_ + 1) {}

  // What one branch of an if adds to the names of the scope that the if stands in.
  [[nodiscard]] Symbols branch() const {
    Symbols copy(parent_, *function_);
    copy.level_ = level_;
    copy.base_ = this;
    return copy;
  }

  [[nodiscard]] const Ref* find(const std::string& name) const {
    if (const Ref* ref = find_here(name)) return ref;
    return parent_ == nullptr ? nullptr : parent_->find(name);
  }

  uint32_t define(const std::string& name, Start start) {
    const uint32_t slot = function_->slot_of(level_, name);
    refs_[name] = {function_, slot};
    starts_[slot] = std::move(start);
    return slot;
  }

  uint32_t parameter(const std::string& name) {
    stores_.insert(name);
    return define(name, {Load::parameter, {}, ""});
  }

  void load(const std::string& name) {
    if (find(name) == nullptr) define(name, {Load::resolve, {}, name});
  }

  void store(const std::string& name) {
    stores_.insert(name);
    if (find_here(name) == nullptr) define(name, at_first(name, {Load::clear, {}, ""}));
  }

  // What the branches of an if may have done. A name that only some of them store keeps, in the
  // others, what it was outside.
  void join(const std::vector<Symbols>& branches) {
    std::map<std::string, size_t> counts;
    for (const Symbols& branch : branches)
      for (const std::string& name : branch.stores_)
        if (!stores(name)) ++counts[name];
    for (const Symbols& branch : branches) {
      for (const auto& [name, ref] : branch.refs_) refs_[name] = ref;
      for (const auto& [slot, start] : branch.starts_) starts_[slot] = start;
      stores_.insert(branch.stores_.begin(), branch.stores_.end());
    }
    for (const auto& [name, count] : counts) {
      if (count == branches.size()) continue;
      starts_[find_here(name)->slot] = at_first(name, {Load::resolve, {}, name});
    }
  }

  [[nodiscard]] const std::map<uint32_t, Start>& starts() const { return starts_; }

 private:
  [[nodiscard]] const Ref* find_here(const std::string& name) const {
    const auto at = refs_.find(name);
    if (at != refs_.end()) return &at->second;
    return base_ == nullptr ? nullptr : base_->find_here(name);
  }

  [[nodiscard]] bool stores(const std::string& name) const {
    return stores_.count(name) != 0 || (base_ != nullptr && base_->stores(name));
  }

  // A name begins as what it is outside of the scope, or else as `otherwise`.
  [[nodiscard]] Start at_first(const std::string& name, Start otherwise) const {
    const Ref* outer = parent_ == nullptr ? nullptr : parent_->find(name);
    return outer != nullptr ? Start{Load::alias, *outer, ""} : otherwise;
  }

  const Symbols* parent_;
  const Symbols* base_ = nullptr;
  Function* function_;
  uint32_t level_;
  std::map<std::string, Ref> refs_;
  std::map<uint32_t, Start> starts_;
  std::set<std::string> stores_;
};

// ---- which names a scope uses ----

void use(Symbols& symbols, const Expr& expr);

void use_arguments(Symbols& symbols, const Expr& expr) {
  for (const ExprPtr& arg : expr.args)
    if (arg) use(symbols, *arg);
  each_argument(expr.call, [&](const Expr& arg) { use(symbols, arg); });
}

void use(Symbols& symbols, const Expr& expr) {
  if (expr.kind == ExprKind::name || expr.kind == ExprKind::space_store) {
    symbols.load(expr.name);
  } else if (expr.kind == ExprKind::store) {
    symbols.store(expr.name);
  } else {
    use_arguments(symbols, expr);
  }
}

void use(Symbols& symbols, const std::vector<StmtPtr>& body);

void use(Symbols& symbols, const Stmt& stmt) {
  switch (stmt.kind) {
    case StmtKind::output:
    case StmtKind::loop:
    case StmtKind::call_block:
      if (stmt.value) use(symbols, *stmt.value);
      break;
    case StmtKind::set:
      use(symbols, *stmt.value);
      use(symbols, *stmt.target);
      break;
    case StmtKind::set_block:
      use(symbols, *stmt.target);
      break;
    case StmtKind::condition: {
      use(symbols, *stmt.value);
      std::vector<Symbols> branches(3, symbols.branch());
      use(branches[0], stmt.body);
      use(branches[1], stmt.elifs);
      use(branches[2], stmt.otherwise);
      symbols.join(branches);
      break;
    }
    case StmtKind::macro:
      symbols.store(stmt.name);
      break;
    case StmtKind::filter_block:
      use(symbols, *stmt.filter);
      break;
    case StmtKind::with:
      for (const ExprPtr& value : stmt.defaults) use(symbols, *value);
      break;
    case StmtKind::block:
    case StmtKind::leave:
    case StmtKind::next:
      break;
  }
}

void use(Symbols& symbols, const std::vector<StmtPtr>& body) {
  for (const StmtPtr& stmt : body) use(symbols, *stmt);
}

// Targets of for and with, and parameters.
void use_as_parameter(Symbols& symbols, const Expr& target) {
  if (target.kind == ExprKind::store) symbols.parameter(target.name);
  for (const ExprPtr& part : target.args) use_as_parameter(symbols, *part);
}

// ---- whether a body asks for a name like `loop` ----

// Looks for a read of `name` that no write stands before. `open` ends at either.
void look_for(const Expr& expr, const std::string& name, bool& open, bool& found) {
  if (!open) return;
  if (expr.name == name && (expr.kind == ExprKind::name || expr.kind == ExprKind::store)) {
    open = false;
    found = expr.kind == ExprKind::name;
    return;
  }
  for (const ExprPtr& arg : expr.args)
    if (arg) look_for(*arg, name, open, found);
  each_argument(expr.call, [&](const Expr& arg) { look_for(arg, name, open, found); });
}

void look_for(const std::vector<StmtPtr>& body, const std::string& name, bool& open, bool& found) {
  for (const StmtPtr& stmt : body) {
    if (stmt->kind == StmtKind::block) continue;
    for (const ExprPtr* expr : {&stmt->target, &stmt->value, &stmt->test, &stmt->filter})
      if (*expr) look_for(**expr, name, open, found);
    for (const auto* list : {&stmt->parameters, &stmt->defaults})
      for (const ExprPtr& expr : *list) look_for(*expr, name, open, found);
    look_for(stmt->body, name, open, found);
    look_for(stmt->elifs, name, open, found);
    look_for(stmt->otherwise, name, open, found);
  }
}

bool asks_for(const std::vector<StmtPtr>& body, const std::string& name) {
  bool open = true;
  bool found = false;
  look_for(body, name, open, found);
  return found;
}

// ---- giving out the slots ----

struct Frame {
  const Symbols* symbols;
  Function* function;
  bool toplevel = false;
  bool soft = false;        // unknown filters are an error only when they are reached
  bool in_loop = false;     // break and continue make sense
  bool under_loop = false;  // inside a for, maybe with a macro in between
};

class Resolver {
 public:
  Result<void> program(Program& program) {
    Function function(nullptr);
    Symbols symbols(nullptr, function);
    use(symbols, program.body);
    HEARTH_CHECK(body(program.body, {&symbols, &function, true}));
    program.loads = loads_of(symbols, function);
    program.shape = shape_of(function);
    return {};
  }

 private:
  static FunctionShape shape_of(const Function& function) {
    return {static_cast<uint32_t>(function.slots.size()), function.captured};
  }

  static Slot slot_of(const Ref& ref, const Function& from) {
    Slot slot{0, ref.slot};
    for (const Function* f = &from; f != ref.function && f != nullptr; f = f->parent) ++slot.hops;
    return slot;
  }

  static std::vector<Load> loads_of(const Symbols& symbols, const Function& function) {
    std::vector<Load> loads;
    for (const auto& [slot, start] : symbols.starts()) {
      const bool alias = start.action == Load::alias;
      loads.push_back(
          {start.action, slot, alias ? slot_of(start.from, function) : Slot{}, start.name});
    }
    return loads;
  }

  Result<void> expr(Expr& expr, const Frame& frame, bool soft) {
    switch (expr.kind) {
      case ExprKind::store:
        if (frame.under_loop && expr.name == "loop") {
          return fail(ErrorCode::bad_file,
                      at_line(expr.line, "the variable 'loop' of a for cannot be assigned to"));
        }
        [[fallthrough]];
      case ExprKind::name:
      case ExprKind::space_store:
        if (const Ref* ref = frame.symbols->find(expr.name))
          expr.slot = slot_of(*ref, *frame.function);
        break;
      case ExprKind::filter:
      case ExprKind::test: {
        const bool is_filter = expr.kind == ExprKind::filter;
        const bool known = is_filter ? expr.filter != nullptr : expr.test != nullptr;
        if (known || soft) break;
        return fail(ErrorCode::bad_file,
                    at_line(expr.line, cat("there is no ", is_filter ? "filter" : "test", " '",
                                           printable(expr.name, 40), "'")));
      }
      default:
        break;
    }
    const bool inner_soft = soft || expr.kind == ExprKind::condition;
    Result<void> done;
    const auto each = [&](Expr& arg) {
      if (done) done = this->expr(arg, frame, inner_soft);
    };
    for (const ExprPtr& arg : expr.args)
      if (arg) each(*arg);
    for (const ExprPtr& value : expr.call.values) each(*value);
    for (const auto& [name, value] : expr.call.named) each(*value);
    if (expr.call.more_values) each(*expr.call.more_values);
    if (expr.call.more_named) each(*expr.call.more_named);
    return done;
  }

  Result<void> expr(const ExprPtr& pointer, const Frame& frame) {
    return pointer ? expr(*pointer, frame, frame.soft) : Result<void>();
  }

  Result<void> body(const std::vector<StmtPtr>& stmts, const Frame& frame) {
    for (const StmtPtr& stmt : stmts) HEARTH_CHECK(this->stmt(*stmt, frame));
    return {};
  }

  Result<void> stmt(Stmt& stmt, const Frame& frame) {
    switch (stmt.kind) {
      case StmtKind::output:
        return expr(stmt.value, frame);
      case StmtKind::set:
        HEARTH_CHECK(expr(stmt.value, frame));
        HEARTH_CHECK(expr(stmt.target, frame));
        note_exports(stmt, *stmt.target, frame);
        return {};
      case StmtKind::condition:
        return condition(stmt, frame);
      case StmtKind::loop:
        return loop(stmt, frame);
      case StmtKind::macro:
        stmt.slot = slot_of(*frame.symbols->find(stmt.name), *frame.function);
        if (frame.toplevel) stmt.exports.emplace_back(stmt.name, stmt.slot);
        return function(stmt, frame);
      case StmtKind::call_block:
        HEARTH_CHECK(function(stmt, frame));
        return expr(stmt.value, frame);
      case StmtKind::set_block:
      case StmtKind::filter_block:
      case StmtKind::with:
        return scope(stmt, frame);
      case StmtKind::block:
        return block(stmt);
      case StmtKind::leave:
      case StmtKind::next:
        if (frame.in_loop) return {};
        return fail(ErrorCode::bad_file,
                    at_line(stmt.line, "break and continue need a loop around them"));
    }
    return {};
  }

  static void note_exports(Stmt& stmt, const Expr& target, const Frame& frame) {
    if (!frame.toplevel) return;
    if (target.kind == ExprKind::store) stmt.exports.emplace_back(target.name, target.slot);
    for (const ExprPtr& part : target.args) note_exports(stmt, *part, frame);
  }

  Result<void> condition(Stmt& stmt, Frame frame) {
    frame.soft = true;
    HEARTH_CHECK(expr(stmt.value, frame));
    HEARTH_CHECK(body(stmt.body, frame));
    for (const StmtPtr& branch : stmt.elifs) HEARTH_CHECK(condition(*branch, frame));
    return body(stmt.otherwise, frame);
  }

  Result<void> loop(Stmt& stmt, const Frame& frame) {
    HEARTH_CHECK(expr(stmt.value, frame));
    Function own(frame.function);
    Function& function = stmt.recursive ? own : *frame.function;
    if (stmt.recursive) frame.function->captured = true;
    Symbols symbols(frame.symbols, function);
    if (stmt.recursive || asks_for(stmt.body, "loop"))
      stmt.loop_slot = static_cast<int32_t>(symbols.parameter("loop"));
    use_as_parameter(symbols, *stmt.target);
    use(symbols, stmt.body);
    const Frame inner{&symbols, &function, false, false, true, true};
    HEARTH_CHECK(expr(stmt.target, inner));
    HEARTH_CHECK(body(stmt.body, inner));
    stmt.loads = loads_of(symbols, function);

    Symbols otherwise(frame.symbols, function);
    use(otherwise, stmt.otherwise);
    const bool in_loop = frame.in_loop && !stmt.recursive;
    HEARTH_CHECK(body(stmt.otherwise, {&otherwise, &function, false, false, in_loop, true}));
    stmt.otherwise_loads = loads_of(otherwise, function);
    stmt.shape = shape_of(function);
    return stmt.test ? loop_test(stmt, frame) : Result<void>();
  }

  Result<void> loop_test(Stmt& stmt, const Frame& frame) {
    Function function(frame.function);
    Symbols symbols(frame.symbols, function);
    use_as_parameter(symbols, *stmt.target);
    use(symbols, *stmt.test);
    const Frame inner{&symbols, &function, false, false, false, true};
    HEARTH_CHECK(expr(stmt.test, inner));
    stmt.test_target = copy_target(*stmt.target);
    HEARTH_CHECK(expr(stmt.test_target, inner));
    stmt.test_loads = loads_of(symbols, function);
    stmt.test_shape = shape_of(function);
    return {};
  }

  static ExprPtr copy_target(const Expr& target) {
    auto copy = std::make_unique<Expr>();
    copy->kind = target.kind;
    copy->line = target.line;
    copy->name = target.name;
    for (const ExprPtr& part : target.args) copy->args.push_back(copy_target(*part));
    return copy;
  }

  // A macro, or the body of a call block.
  Result<void> function(Stmt& stmt, const Frame& frame) {
    frame.function->captured = true;
    Function function(frame.function);
    Symbols symbols(frame.symbols, function);
    bool explicit_caller = false;
    for (size_t i = 0; i < stmt.parameters.size(); ++i) {
      const std::string& name = stmt.parameters[i]->name;
      symbols.parameter(name);
      if (name != "caller") continue;
      explicit_caller = true;
      if (!asks_for(stmt.body, name)) continue;
      if (i + stmt.defaults.size() < stmt.parameters.size()) {
        return fail(ErrorCode::bad_file,
                    at_line(stmt.line, "a parameter 'caller' must have a default"));
      }
    }
    for (const ExprPtr& value : stmt.defaults) use(symbols, *value);
    use(symbols, stmt.body);
    const auto special = [&](const std::string& name, int32_t& slot) {
      for (const ExprPtr& parameter : stmt.parameters)
        if (parameter->name == name) return;
      if (asks_for(stmt.body, name)) slot = static_cast<int32_t>(symbols.parameter(name));
    };
    if (!explicit_caller) special("caller", stmt.caller_slot);
    special("kwargs", stmt.named_slot);
    special("varargs", stmt.more_slot);
    const Frame inner{&symbols, &function, false, false, false, frame.under_loop};
    for (const ExprPtr& parameter : stmt.parameters) {
      Frame quiet = inner;
      quiet.under_loop = false;  // a parameter may be called loop
      HEARTH_CHECK(expr(parameter, quiet));
    }
    for (const ExprPtr& value : stmt.defaults) HEARTH_CHECK(expr(value, inner));
    HEARTH_CHECK(body(stmt.body, inner));
    stmt.loads = loads_of(symbols, function);
    stmt.shape = shape_of(function);
    return {};
  }

  // A set block, a filter block, a with.
  Result<void> scope(Stmt& stmt, const Frame& frame) {
    Symbols symbols(frame.symbols, *frame.function);
    for (const ExprPtr& target : stmt.parameters) use_as_parameter(symbols, *target);
    use(symbols, stmt.body);
    if (stmt.filter) use(symbols, *stmt.filter);
    const Frame inner{&symbols, frame.function, false, false, frame.in_loop, frame.under_loop};
    Frame quiet = inner;
    quiet.under_loop = false;
    for (const ExprPtr& target : stmt.parameters) HEARTH_CHECK(expr(target, quiet));
    for (const ExprPtr& value : stmt.defaults) HEARTH_CHECK(expr(value, frame));
    HEARTH_CHECK(body(stmt.body, inner));
    HEARTH_CHECK(expr(stmt.filter, inner));
    stmt.loads = loads_of(symbols, *frame.function);
    if (stmt.kind != StmtKind::set_block) return {};
    HEARTH_CHECK(expr(stmt.target, frame));
    note_exports(stmt, *stmt.target, frame);
    return {};
  }

  // A block sees the variables of the top level alone.
  Result<void> block(Stmt& stmt) {
    if (!blocks_.insert(stmt.name).second) {
      return fail(
          ErrorCode::bad_file,
          at_line(stmt.line, cat("the block '", printable(stmt.name, 40), "' stands twice")));
    }
    Function function(nullptr);
    Symbols symbols(nullptr, function);
    use(symbols, stmt.body);
    HEARTH_CHECK(body(stmt.body, {&symbols, &function}));
    stmt.loads = loads_of(symbols, function);
    stmt.shape = shape_of(function);
    return {};
  }

  std::set<std::string> blocks_;
};

}  // namespace

Result<void> resolve_names(Program& program) { return Resolver().program(program); }

}  // namespace hearth::text::jinja
