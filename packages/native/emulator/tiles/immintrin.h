// Shadows the compiler's header when the tile kernels are built over the model of tiles: the same intrinsics except
// those of AMX.
#pragma once

#include_next <immintrin.h>

#include "tile_model.h"

#undef _tile_loadd
#undef _tile_stored
#undef _tile_zero
#undef _tile_dpbf16ps
#undef _tile_dpfp16ps
#define _tile_loadconfig(config) mayfly::tile_model::LoadConfig(config)
#define _tile_release() mayfly::tile_model::Release()
#define _tile_zero(tile) mayfly::tile_model::Zero(tile)
#define _tile_loadd(tile, base, stride) mayfly::tile_model::Load(tile, base, stride)
#define _tile_stored(tile, base, stride) mayfly::tile_model::Store(tile, base, stride)
#define _tile_dpbf16ps(c, a, b) mayfly::tile_model::DotProduct<mayfly::tile_model::FromBf16>("TDPBF16PS", c, a, b)
#define _tile_dpfp16ps(c, a, b) mayfly::tile_model::DotProduct<mayfly::tile_model::FromFp16>("TDPFP16PS", c, a, b)
