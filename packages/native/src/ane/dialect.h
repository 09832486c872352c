// The two ways to write MIL text: `program(1.3)` with `int32(1)` (M3 and later), `program(1.0)` with
// `tensor<int32, []>(1)` (M1 and M2).
#pragma once

namespace mayfly::ane {

enum class Dialect { kIos18, kIos16 };

constexpr const char* NameOf(Dialect dialect) { return dialect == Dialect::kIos18 ? "ios18" : "ios16"; }

}  // namespace mayfly::ane
