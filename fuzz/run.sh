#!/bin/sh
# Builds the fuzz preset and runs each target for SECONDS; any finding fails it and is kept in
# build/fuzz/findings. New inputs that reach new code stay in build/fuzz/corpus.
#
#     fuzz/run.sh SECONDS [TARGET...]
set -eu
cd "$(dirname "$0")/.."
seconds=${1:?usage: fuzz/run.sh SECONDS [TARGET...]}
shift
[ $# -gt 0 ] || set -- fuzz_dialects fuzz_gguf fuzz_grammar fuzz_importance fuzz_prefix_file \
  fuzz_reply fuzz_safetensors fuzz_template fuzz_tokenizer fuzz_utf8_stop
cmake --preset fuzz >/dev/null
cmake --build --preset fuzz --target "$@"
python3 fuzz/seeds.py build/fuzz/seeds
failed=0
for target in "$@"; do
  dict=fuzz/text.dict
  [ "$target" = fuzz_dialects ] && dict=fuzz/dialects.dict
  [ "$target" = fuzz_gguf ] && dict=fuzz/gguf.dict
  [ "$target" = fuzz_grammar ] && dict=fuzz/gbnf.dict
  [ "$target" = fuzz_importance ] && dict=fuzz/gguf.dict
  [ "$target" = fuzz_reply ] && dict=fuzz/reply.dict
  [ "$target" = fuzz_safetensors ] && dict=fuzz/safetensors.dict
  [ "$target" = fuzz_template ] && dict=fuzz/template.dict
  mkdir -p "build/fuzz/corpus/$target" build/fuzz/findings
  echo "== $target for $seconds seconds"
  # No input is worth more than a second or 64 MB in one piece.
  "build/fuzz/bin/$target" -max_total_time="$seconds" -max_len=4096 -timeout=10 \
    -malloc_limit_mb=64 -rss_limit_mb=1024 -dict="$dict" -print_final_stats=1 -verbosity=0 \
    -artifact_prefix="build/fuzz/findings/$target-" \
    "build/fuzz/corpus/$target" "build/fuzz/seeds/$target" || failed=1
done
exit $failed
