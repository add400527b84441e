// Macros and loops.
#include "text/jinja_interpreter.h"

namespace hearth::text::jinja {

// ---- macros ----

Result<Value> Interpreter::call(const Value& callee, Args args) {
  const Nested nested(*this);
  HEARTH_CHECK(nested.check(limits()));
  HEARTH_CHECK(step());
  switch (callee.kind()) {
    case Kind::function:
      return callee.as<Function>().body(*this, args);
    case Kind::macro: {
      const Value held = callee;  // the macro may assign to its own name
      return call_macro(held.as<Macro>(), std::move(args));
    }
    case Kind::loop: {
      const Value held = callee;
      const Loop& loop = held.as<Loop>();
      if (!loop.stmt.recursive) return wrong("the loop must be marked as recursive to be called");
      HEARTH_TRY(const Bound bound, Bound::bind("loop", args, {{"iterable", true}}));
      return run_recursive(loop.stmt, bound[0], loop.depth0 + 1, loop.closure);
    }
    case Kind::undefined:
      return wrong_undefined(callee);
    default:
      return wrong("'", type_name(callee), "' object is not callable");
  }
}

Result<Value> Interpreter::call_macro(const Macro& macro, Args args) {
  const Stmt& stmt = macro.stmt;
  Activation own;
  const Switch frame(*this, open(stmt.shape, &macro.closure, own));
  HEARTH_CHECK(bind_parameters(stmt, args));
  HEARTH_CHECK(enter(stmt.loads));
  const size_t required = stmt.parameters.size() - stmt.defaults.size();
  for (size_t i = 0; i < stmt.parameters.size(); ++i) {
    const Expr& parameter = *stmt.parameters[i];
    if (!at(parameter.slot).is(Kind::missing)) continue;
    if (i < required) {
      at(parameter.slot) = undefined(cat("parameter '", parameter.name, "' was not provided"));
    } else {
      HEARTH_TRY(at(parameter.slot), eval(*stmt.defaults[i - required]));
    }
  }
  Capture capture(*this);
  HEARTH_TRY([[maybe_unused]] const Flow flow, run(stmt.body));
  return string(std::move(capture.text));
}

Result<void> Interpreter::bind_parameters(const Stmt& stmt, Args& args) {
  const std::string_view name =
      stmt.kind == StmtKind::macro ? std::string_view(stmt.name) : "caller";
  const auto take = [&](const std::string& parameter, Value& into) {
    for (auto at = args.named.begin(); at != args.named.end(); ++at) {
      if (at->first != parameter) continue;
      into = std::move(at->second);
      args.named.erase(at);
      return;
    }
  };
  const size_t positional = std::min(args.values.size(), stmt.parameters.size());
  for (size_t i = 0; i < stmt.parameters.size(); ++i) {
    Value& slot = at(stmt.parameters[i]->slot);
    if (i < positional) {
      slot = args.values[i];
    } else {
      take(stmt.parameters[i]->name, slot);
    }
  }
  if (stmt.caller_slot >= 0) {
    Value& caller = here(stmt.caller_slot);
    take("caller", caller);
    if (caller.is(Kind::missing) || caller.is(Kind::none)) caller = undefined("No caller defined");
  }
  if (stmt.named_slot >= 0) {
    std::vector<Entry> entries;
    for (auto& [key, value] : args.named) entries.push_back({string(key), std::move(value)});
    HEARTH_TRY(here(stmt.named_slot), dict(std::move(entries)));
  } else if (!args.named.empty()) {
    return wrong("macro '", name, "' takes no keyword argument '", args.named.front().first, "'");
  }
  if (stmt.more_slot >= 0) {
    HEARTH_TRY(
        here(stmt.more_slot),
        tuple({args.values.begin() + static_cast<std::ptrdiff_t>(positional), args.values.end()}));
  } else if (args.values.size() > positional) {
    return wrong("macro '", name, "' takes not more than ", stmt.parameters.size(), " argument(s)");
  }
  return {};
}

// ---- loops ----

Result<Interpreter::Flow> Interpreter::loop(const Stmt& stmt) {
  HEARTH_TRY(const Value iterable, eval(*stmt.value));
  line_ = stmt.line;
  if (!stmt.recursive) return run_loop(stmt, iterable, 0, frame_);
  HEARTH_TRY(const Value text, run_recursive(stmt, iterable, 0, frame_));
  HEARTH_CHECK(write(text.text()));
  return Flow::on;
}

Result<Value> Interpreter::run_recursive(const Stmt& stmt, const Value& iterable, int64_t depth0,
                                         Activation* closure) {
  Activation own;
  const Switch frame(*this, open(stmt.shape, closure, own));
  Capture capture(*this);
  HEARTH_TRY([[maybe_unused]] const Flow flow, run_loop(stmt, iterable, depth0, closure));
  return string(std::move(capture.text));
}

Result<Interpreter::Flow> Interpreter::run_loop(const Stmt& stmt, const Value& iterable,
                                                int64_t depth0, Activation* closure) {
  HEARTH_TRY(std::vector<Value> items, walk(iterable));
  const Value value =
      Value::object(Kind::loop, std::make_unique<Loop>(ledger(), stmt, std::move(items)));
  Loop& loop = value.as<Loop>();
  loop.depth0 = depth0;
  loop.closure = closure;
  if (stmt.test) {
    loop.test.slots.resize(stmt.test_shape.slots);
    loop.test.parent = frame_;
    const Switch frame(*this, loop.test);
    HEARTH_CHECK(enter(stmt.test_loads));
  }
  bool ran = false;
  const Result<Flow> flow = run_items(stmt, loop, value, ran);
  // Somebody may still hold the loop, even the loop itself: it lets go of all values.
  loop.ended = true;
  loop.items = {};
  loop.test.slots = {};
  loop.before = loop.current = loop.after = Value();
  loop.changed = {};
  if (!flow) return flow;
  if (!stmt.recursive || !stmt.otherwise.empty()) leave(stmt.loads);
  if (ran || stmt.otherwise.empty()) return Flow::on;
  HEARTH_CHECK(enter(stmt.otherwise_loads));
  const Result<Flow> otherwise = run(stmt.otherwise);
  leave(stmt.otherwise_loads);
  return otherwise;
}

// `ran`: whether the body came to its end at least once; an else of the loop follows otherwise.
Result<Interpreter::Flow> Interpreter::run_items(const Stmt& stmt, Loop& loop,
                                                 const Value& loop_value, bool& ran) {
  while (true) {
    Value item = std::move(loop.after);
    loop.after = Value();
    if (item.is(Kind::missing)) {
      HEARTH_TRY(item, advance(loop));
    }
    if (item.is(Kind::missing)) return Flow::on;
    ++loop.index0;
    loop.before = std::move(loop.current);
    loop.current = item;
    HEARTH_CHECK(assign(*stmt.target, item));
    if (stmt.loop_slot >= 0) here(stmt.loop_slot) = loop_value;
    HEARTH_CHECK(enter(stmt.loads));
    HEARTH_TRY(const Flow flow, run(stmt.body));
    if (flow == Flow::leave) return Flow::on;
    if (flow == Flow::on) ran = true;
    HEARTH_CHECK(step());
  }
}

// The next item that passes the test; missing at the end.
Result<Value> Interpreter::advance(Loop& loop) {
  while (loop.next < loop.items.size()) {
    Value item = loop.items[loop.next++];
    if (!loop.stmt.test || loop.ended) return item;
    HEARTH_TRY(const bool good, passes(loop, item));
    if (good) return item;
  }
  return Value();
}

Result<bool> Interpreter::passes(Loop& loop, const Value& item) {
  if (loop.test.slots.empty()) return true;  // tested already
  HEARTH_CHECK(step());
  const Switch frame(*this, loop.test);
  HEARTH_CHECK(assign(*loop.stmt.test_target, item));
  HEARTH_TRY(const Value good, eval(*loop.stmt.test));
  return truth(good);
}

Result<Value> Interpreter::peek(Loop& loop) {
  if (loop.after.is(Kind::missing)) {
    HEARTH_TRY(loop.after, advance(loop));
  }
  return loop.after;
}

Result<int64_t> Interpreter::loop_length(Loop& loop) {
  if (loop.length >= 0) return loop.length;
  if (!loop.stmt.test) {
    loop.length = static_cast<int64_t>(loop.items.size());
    return loop.length;
  }
  // Only walking to the end tells how many pass.
  std::vector<Value> rest;
  while (true) {
    HEARTH_TRY(Value item, advance(loop));
    if (item.is(Kind::missing)) break;
    rest.push_back(std::move(item));
  }
  loop.length =
      static_cast<int64_t>(rest.size()) + loop.index0 + 1 + (loop.after.is(Kind::missing) ? 0 : 1);
  loop.items = std::move(rest);
  loop.next = 0;
  loop.test.slots.clear();
  return loop.length;
}

Result<Value> Interpreter::loop_attribute(const Value& value, std::string_view name) {
  Loop& loop = value.as<Loop>();
  if (name == "index0") return Value::integer(loop.index0);
  if (name == "index") return Value::integer(loop.index0 + 1);
  if (name == "first") return Value::boolean(loop.index0 == 0);
  if (name == "depth0") return Value::integer(loop.depth0);
  if (name == "depth") return Value::integer(loop.depth0 + 1);
  if (name == "last" || name == "nextitem") {
    HEARTH_TRY(const Value next, peek(loop));
    const bool last = next.is(Kind::missing);
    if (name == "last") return Value::boolean(last);
    return last ? undefined("there is no next item") : next;
  }
  if (name == "previtem")
    return loop.index0 == 0 ? undefined("there is no previous item") : loop.before;
  if (name == "length" || name == "revindex" || name == "revindex0") {
    HEARTH_TRY(const int64_t length, loop_length(loop));
    if (name == "length") return Value::integer(length);
    return Value::integer(length - loop.index0 - (name == "revindex" ? 0 : 1));
  }
  if (name == "cycle") {
    const Function::Body body = [value](Runtime&, Args& args) -> Result<Value> {
      if (args.values.empty()) return wrong("no items for cycling given");
      const auto index = static_cast<size_t>(value.as<Loop>().index0);
      return args.values[index % args.values.size()];
    };
    return function(name, 0, body);
  }
  if (name == "changed") {
    const Function::Body body = [value](Runtime& runtime, Args& args) -> Result<Value> {
      Loop& asked = value.as<Loop>();
      bool same = asked.asked_changed && asked.changed.size() == args.values.size();
      for (size_t i = 0; same && i < args.values.size(); ++i) {
        HEARTH_TRY(same, runtime.equal(asked.changed[i], args.values[i]));
      }
      asked.asked_changed = true;
      if (!same && !asked.ended) asked.changed = std::move(args.values);
      return Value::boolean(!same);
    };
    return function(name, 0, body);
  }
  return undefined(cat("'LoopContext object' has no attribute '", name, "'"));
}

}  // namespace hearth::text::jinja
