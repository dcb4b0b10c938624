// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Without a word in the trail: what an entry costs is only told by a program
// that is the same in everything else. There is no switch for that in Cloister,
// neither when it is built nor when it runs: the linker of this one benchmark
// is told (`--wrap`, in CMakeLists.txt) to lead calls of `ledger::note` here.
// Where the name below is not that function's any more, nothing is wrapped, and
// gets.cpp notices by the entries that there are.

#include "bench/unaudited.hpp"
#include "engine/ledger.hpp"

namespace cloister::bench {

const bool gets_are_unaudited = true;

} // namespace cloister::bench

/// Stands for the member function: the object comes first.
cloister::result<void>
note_nothing(cloister::engine::ledger* of,
             cloister::auth::audit_entry
               entry) __asm__("__wrap_" CLOISTER_WRAPPED_FOR_BENCH);

cloister::result<void> note_nothing(cloister::engine::ledger*,
                                    cloister::auth::audit_entry) {
  return {};
}
