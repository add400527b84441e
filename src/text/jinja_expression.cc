#include "text/jinja_globals.h"
#include "text/jinja_interpreter.h"
#include "text/jinja_number.h"

namespace hearth::text::jinja {

Result<Value> Interpreter::eval(const Expr& expr) {
  const Nested nested(*this);
  HEARTH_CHECK(nested.check(limits()));
  HEARTH_CHECK(step());
  line_ = expr.line;
  switch (expr.kind) {
    case ExprKind::constant:
      return constant(expr);
    case ExprKind::name: {
      const Value& value = at(expr.slot);
      if (!value.is(Kind::missing)) return value;
      return undefined(cat("'", expr.name, "' is undefined"));
    }
    case ExprKind::tuple:
    case ExprKind::list:
      return collection(expr);
    case ExprKind::dict:
      return dict_literal(expr);
    case ExprKind::unary:
      return unary(expr);
    case ExprKind::binary:
      return binary(expr);
    case ExprKind::logic: {
      HEARTH_TRY(Value left, eval(*expr.args[0]));
      if (truth(left) == (expr.name == "or")) return left;
      return eval(*expr.args[1]);
    }
    case ExprKind::negation: {
      HEARTH_TRY(const Value value, eval(*expr.args[0]));
      return Value::boolean(!truth(value));
    }
    case ExprKind::compare:
      return compare(expr);
    case ExprKind::concat:
      return concat(expr);
    case ExprKind::condition:
      return conditional(expr);
    case ExprKind::attribute: {
      HEARTH_TRY(const Value value, eval(*expr.args[0]));
      line_ = expr.line;
      return attribute(value, expr.name);
    }
    case ExprKind::item: {
      HEARTH_TRY(const Value value, eval(*expr.args[0]));
      HEARTH_TRY(const Value key, eval(*expr.args[1]));
      line_ = expr.line;
      return item(value, key);
    }
    case ExprKind::slice:
      return slice(expr);
    case ExprKind::call:
      return eval_call(expr, nullptr);
    case ExprKind::filter:
      return filter(expr);
    case ExprKind::test:
      return test(expr);
    case ExprKind::store:
    case ExprKind::space_store:
      break;
  }
  return fail(ErrorCode::internal, "a target where a value was expected");
}

Result<Value> Interpreter::constant(const Expr& expr) {
  switch (expr.literal) {
    case Literal::none:
      return Value::none();
    case Literal::boolean:
      return Value::boolean(expr.truth);
    case Literal::whole: {
      const auto number = parse_whole(expr.name, 0);
      if (!number) return fail(ErrorCode::too_large, "a whole number beyond 64 bits");
      return whole_value(*this, *number);
    }
    case Literal::real:
      return Value::real(expr.real);
    case Literal::text:
      break;
  }
  Value& text = texts_[expr.constant];
  if (text.is(Kind::missing)) text = string(expr.name);
  return text;
}

Result<Value> Interpreter::collection(const Expr& expr) {
  std::vector<Value> items;
  items.reserve(expr.args.size());
  for (const ExprPtr& arg : expr.args) {
    HEARTH_TRY(Value item, eval(*arg));
    items.push_back(std::move(item));
  }
  return expr.kind == ExprKind::list ? list(std::move(items)) : tuple(std::move(items));
}

Result<Value> Interpreter::dict_literal(const Expr& expr) {
  std::vector<Entry> entries;
  for (size_t i = 0; i < expr.args.size(); i += 2) {
    HEARTH_TRY(Value key, eval(*expr.args[i]));
    HEARTH_TRY(Value value, eval(*expr.args[i + 1]));
    entries.push_back({std::move(key), std::move(value)});
  }
  return dict(std::move(entries));
}

Result<Value> Interpreter::unary(const Expr& expr) {
  HEARTH_TRY(const Value value, eval(*expr.args[0]));
  line_ = expr.line;
  if (value.is_undefined()) return wrong_undefined(value);
  if (!value.is_number())
    return wrong("bad operand type for unary ", expr.name, ": '", type_name(value), "'");
  if (value.is(Kind::real))
    return Value::real(expr.name == "-" ? -value.as_real() : value.as_real());
  if (expr.name == "+") return Value::integer(value.as_integer());
  return compute('-', Value::integer(0), value);
}

Result<Value> Interpreter::binary(const Expr& expr) {
  HEARTH_TRY(const Value a, eval(*expr.args[0]));
  HEARTH_TRY(const Value b, eval(*expr.args[1]));
  line_ = expr.line;
  return operate(*this, expr.name, a, b);
}

Result<Value> Interpreter::compare(const Expr& expr) {
  HEARTH_TRY(Value left, eval(*expr.args[0]));
  for (size_t i = 0; i < expr.ops.size(); ++i) {
    HEARTH_TRY(Value right, eval(*expr.args[i + 1]));
    line_ = expr.line;
    const std::string& op = expr.ops[i];
    bool holds = false;
    if (op == "==" || op == "!=") {
      HEARTH_TRY(const bool same, equal(left, right));
      holds = same == (op == "==");
    } else if (op == "in" || op == "not in") {
      HEARTH_TRY(const bool inside, contains(right, left));
      holds = inside == (op == "in");
    } else {
      HEARTH_TRY(const int sign, order(left, right, op));
      holds = sign != 2 && ((sign == 0 && op.size() == 2) || sign == (op[0] == '<' ? -1 : 1));
    }
    if (!holds) return Value::boolean(false);
    left = std::move(right);
  }
  return Value::boolean(true);
}

Result<Value> Interpreter::concat(const Expr& expr) {
  std::string out;
  for (const ExprPtr& arg : expr.args) {
    HEARTH_TRY(const Value value, eval(*arg));
    HEARTH_TRY(const std::string piece, str(value));
    HEARTH_CHECK(room(out.size() + piece.size()));
    out += piece;
  }
  return string(std::move(out));
}

Result<Value> Interpreter::conditional(const Expr& expr) {
  HEARTH_TRY(const Value test, eval(*expr.args[1]));
  if (truth(test)) return eval(*expr.args[0]);
  if (expr.args[2]) return eval(*expr.args[2]);
  return undefined("the inline if-expression evaluated to false and no else section was defined");
}

Result<Value> Interpreter::slice(const Expr& expr) {
  HEARTH_TRY(const Value value, eval(*expr.args[0]));
  Value bounds[3];
  for (size_t i = 0; i < 3; ++i) {
    if (!expr.args[i + 1]) continue;
    HEARTH_TRY(bounds[i], eval(*expr.args[i + 1]));
  }
  line_ = expr.line;
  return slice_of(*this, value, bounds[0], bounds[1], bounds[2]);
}

Result<Args> Interpreter::arguments(const CallArgs& call) {
  Args args;
  for (const ExprPtr& value : call.values) {
    HEARTH_TRY(Value made, eval(*value));
    args.values.push_back(std::move(made));
  }
  for (const auto& [name, value] : call.named) {
    HEARTH_TRY(Value made, eval(*value));
    args.named.emplace_back(name, std::move(made));
  }
  if (call.more_values) {
    HEARTH_TRY(const Value more, eval(*call.more_values));
    HEARTH_TRY(const std::vector<Value> values, walk(more));
    args.values.insert(args.values.end(), values.begin(), values.end());
  }
  if (call.more_named) {
    HEARTH_TRY(const Value more, eval(*call.more_named));
    if (!more.is(Kind::dict)) return wrong("argument after ** must be a mapping");
    for (const Entry& entry : more.as<Dict>().entries) {
      if (!entry.key.is(Kind::string)) return wrong("keywords must be strings");
      for (const auto& [name, value] : args.named)
        if (name == entry.key.text()) return wrong("the argument '", name, "' is given twice");
      args.named.emplace_back(std::string(entry.key.text()), entry.value);
    }
  }
  return args;
}

Result<Value> Interpreter::eval_call(const Expr& expr, const Value* caller) {
  const Expr& callee = *expr.args[0];
  Value target;
  Value self;
  Method method = nullptr;
  if (callee.kind == ExprKind::attribute) {
    HEARTH_TRY(self, eval(*callee.args[0]));
    method = find_method(self, callee.name);
    line_ = callee.line;
    if (method == nullptr) {
      HEARTH_TRY(target, attribute(self, callee.name));
    }
  } else {
    HEARTH_TRY(target, eval(callee));
  }
  HEARTH_TRY(Args args, arguments(expr.call));
  if (caller != nullptr) args.named.emplace_back("caller", *caller);
  line_ = expr.line;
  if (method != nullptr) return method(*this, self, args);
  return call(target, std::move(args));
}

Result<Value> Interpreter::filter(const Expr& expr) {
  Value value;
  if (expr.args.empty()) {
    value = std::move(piped_);
    piped_ = Value();
  } else {
    HEARTH_TRY(value, eval(*expr.args[0]));
  }
  HEARTH_TRY(Args args, arguments(expr.call));
  line_ = expr.line;
  if (expr.filter == nullptr) return wrong("there is no filter '", expr.name, "'");
  return expr.filter(*this, value, args);
}

Result<Value> Interpreter::test(const Expr& expr) {
  HEARTH_TRY(const Value value, eval(*expr.args[0]));
  HEARTH_TRY(Args args, arguments(expr.call));
  line_ = expr.line;
  if (expr.test == nullptr) return wrong("there is no test '", expr.name, "'");
  HEARTH_TRY(const bool holds, expr.test(*this, value, args));
  return Value::boolean(holds);
}

Result<Value> Interpreter::attribute(const Value& value, std::string_view name) {
  if (value.is_undefined()) return wrong_undefined(value);
  if (changes_value(value, name)) {
    return undefined(
        cat("access to attribute '", name, "' of '", type_name(value), "' object is unsafe"));
  }
  if (const Method method = find_method(value, name)) {
    return function(name, value.depth(), [value, method](Runtime& runtime, Args& args) {
      return method(runtime, value, args);
    });
  }
  if (value.is(Kind::loop)) return loop_attribute(value, name);
  if (value.is(Kind::dict) || value.is(Kind::space)) {
    if (const Value* found = value.as<Dict>().find(name)) return *found;
  }
  if (value.is(Kind::tuple) && value.as<Sequence>().is_group) {
    if (name == "grouper") return value.items()[0];
    if (name == "list") return value.items()[1];
  }
  if (value.is(Kind::cycler) && name == "current")
    return value.as<Cycler>().items[value.as<Cycler>().at];
  if (value.is(Kind::macro) && name == "name") return string(value.as<Macro>().stmt.name);
  return undefined(cat("'", type_name(value), " object' has no attribute '", name, "'"));
}

}  // namespace hearth::text::jinja
