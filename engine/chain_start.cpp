// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "engine/chain_start.hpp"

#include "crypto/aead.hpp"

namespace cloister::engine {

using persistence::record_kind;

result<std::optional<auth::audit_stub>>
read_stub(const services& with, const ledger_context& context) {
  std::optional<bytes> sealed;
  bool alone = true;
  auto done
    = with.records.scan(context.space.range(record_kind::audit_stub), {},
                        [&](bytes_view key, bytes_view value) {
                          alone = !sealed && persistence::rest_of(key).empty();
                          sealed = bytes{value};
                          return alone;
                        });
  if (done.has_error())
    return done.error();
  if (!sealed)
    return std::optional<auth::audit_stub>{};
  error forged{errc::corrupted,
               "what stands for pruned entries was not signed by this store"};
  if (!alone)
    return forged;
  auto plain = crypto::open(with.catalog.node().audit,
                            auth::stub_context(view_of(context.tag)), *sealed);
  if (plain.has_error())
    return forged;
  auto stub = auth::decode_audit_stub(*plain);
  if (stub.has_error())
    return stub.error();
  auto signer = crypto::signing_public_key(with.catalog.node().signing_seed);
  if (stub->chain != context.tag || !auth::is_signed_by(*stub, signer))
    return forged;
  return std::optional{*stub};
}

void put_stub(const services& with, const ledger_context& context,
              auth::audit_stub stub, persistence::write_batch& batch) {
  stub.chain = context.tag;
  auth::sign(stub, with.catalog.node().signing_seed);
  batch.put(context.space.key(record_kind::audit_stub),
            crypto::seal(with.catalog.node().audit, 0,
                         auth::stub_context(view_of(context.tag)),
                         auth::encode_audit_stub(stub)));
}

} // namespace cloister::engine
