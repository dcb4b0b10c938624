// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "tests/model/world.hpp"

using namespace cloister;
using namespace cloister::test;

// Several worlds, since each comparison verifies all audit chains: of one long
// life that would be most of the work.
TEST_CASE("random operations of many principals agree with a plain model",
          "[model]") {
  auto lives = long_mode() ? 20u : 1u;
  auto steps = long_mode() ? 50'000 : 30'000;
  for (auto life = 0u; life < lives; ++life) {
    auto start = seed() + life;
    INFO("CLOISTER_TEST_SEED=" << start);
    world w{start};
    for (int i = 0; i < steps; ++i) {
      w.step();
      if (i % 2000 == 1999)
        w.compare_everything();
    }
    w.restart();
    w.compare_everything();
  }
}
