// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

// Cursors of lists, and places in a stream of events: what is understood is
// what was made, and leads to nothing that was not asked for.

#include <cstdint>

#include "core/assert.hpp"
#include "core/memory_event.hpp"
#include "runtime/list_cursor.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  using namespace cloister;
  static const bindings scopes{
    std::make_shared<actors::scope_binding>(
      scope::parse("org_acme/user_sarah").value()),
    std::make_shared<actors::scope_binding>(scope::parse("org_acme").value())};
  std::string text{reinterpret_cast<const char*>(data), size};
  auto at = position_of(text, scopes, "asked");
  if (at) {
    CLOISTER_ASSERT(at->scope < scopes.size());
    auto again = make_cursor(scopes.at(at->scope)->name(), "asked", at->after);
    CLOISTER_ASSERT(position_of(again, scopes, "asked")->after == at->after);
  } else {
    CLOISTER_ASSERT(at.error().code == errc::invalid_argument);
  }
  // What was made is understood, and only where it was made for.
  std::uint64_t after = 0;
  for (std::size_t i = 0; i < size && i < sizeof after; ++i)
    after = after << 8U | data[i];
  std::optional<std::uint64_t> wanted;
  if (after != 0)
    wanted = after;
  auto made = make_cursor(scopes[1]->name(), text, wanted);
  auto found = position_of(made, scopes, text);
  CLOISTER_ASSERT(found && found->scope == 1 && found->after == wanted);
  CLOISTER_ASSERT(position_of(made, scopes, text + 'x').has_error());
  auto event = parse_event_position(text);
  if (event)
    CLOISTER_ASSERT(parse_event_position(to_string(*event)).value() == *event);
  return 0;
}
