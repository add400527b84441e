// What each instruction-set file hands to the dispatch.
#pragma once

#include "tensor/kernels.h"

namespace hearth {

Kernels make_avx2_kernels();     // needs AVX2, FMA, F16C
Kernels make_avxvnni_kernels();  // needs AVX-VNNI too
Kernels make_avx512_kernels();   // needs AVX-512 F, BW, DQ, VL, VNNI

// gemm() of the AVX-512 level, for formats that the next one adds nothing to.
void gemm_avx512(DType type, const DotArgs& args, std::byte* scratch);

// Lets prompts meet weights in F16 and BF16 by pairs of BF16. Needs AVX-512 BF16.
void use_avx512_bf16(Kernels& kernels);
// The attention part of a table, compiled apart.
void fill_attention_avx2(Kernels& kernels);
void fill_attention_avxvnni(Kernels& kernels);
void fill_attention_avx512(Kernels& kernels);
// tensor/peak.h: each returns the multiply-adds that it did.
uint64_t multiply_add_int8_avx2(uint64_t rounds);
uint64_t multiply_add_f32_avx2(uint64_t rounds);
uint64_t multiply_add_int8_avxvnni(uint64_t rounds);
uint64_t multiply_add_int8_avx512(uint64_t rounds);
uint64_t multiply_add_f32_avx512(uint64_t rounds);
uint64_t multiply_add_bf16_avx512(uint64_t rounds);  // needs AVX-512 BF16 too
// The dots of the AVX-512 level, which have a file of their own.
void dot_avx512(DType type, const DotArgs& args);

// dot() and gemm() for the types whose quants come out of tables.
void dot_codebook_avx2(DType type, const DotArgs& args);
void dot_codebook_avxvnni(DType type, const DotArgs& args);
void dot_codebook_avx512(DType type, const DotArgs& args);
void gemm_codebook_avx2(DType type, const DotArgs& args, std::byte* scratch);
void gemm_codebook_avxvnni(DType type, const DotArgs& args, std::byte* scratch);
void gemm_codebook_avx512(DType type, const DotArgs& args, std::byte* scratch);

}  // namespace hearth
