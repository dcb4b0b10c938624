// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/activation.hpp"

namespace cloister::engine {

namespace {

activation failed(error why) {
  activation out;
  out.failure = std::move(why);
  return out;
}

} // namespace

activation activate(const services& with, const scope& name) {
  auto found = with.catalog.find(name);
  if (found.has_error())
    return failed(found.error());
  if (!found->nearest)
    return failed(
      {errc::not_found, "there is no organization "
                          + std::string{name.organization().path()}
                          + "; make it with `cloister org create`"});
  activation out;
  // Of a key that was replaced, one copy of the slot may have the former one.
  if (found->exact)
    if (auto done = with.catalog.mend_slot(*found->exact); done.has_error())
      return failed(done.error());
  if (!found->exact) {
    out.nearest = found->nearest->name;
    return out;
  }
  auto state = load_scope(with, *found->exact);
  if (state.has_error())
    return failed(state.error());
  out.engine
    = std::make_unique<scope_engine>(with, found->exact, std::move(*state));
  return out;
}

} // namespace cloister::engine
