// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>

namespace cloister::bench {

/// An actor that only answers, under the scheduler's settings of Cloister: what
/// actors allow. For one plain thread.
class raw_actor {
public:
  raw_actor();
  ~raw_actor();

  /// Sends a request and waits for its answer.
  void ask();

private:
  struct impl;
  std::unique_ptr<impl> impl_;
};

} // namespace cloister::bench
