// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include <catch2/catch.hpp>

#include "tests/model/world.hpp"

using namespace cloister;
using namespace cloister::test;

TEST_CASE("random operations of many principals agree with a plain model",
          "[model]") {
  auto start = seed();
  INFO("CLOISTER_TEST_SEED=" << start);
  world w{start};
  auto steps = long_mode() ? 1'000'000 : 30'000;
  for (int i = 0; i < steps; ++i) {
    w.step();
    if (i % 2000 == 1999)
      w.compare_everything();
  }
  w.restart();
  w.compare_everything();
}
