// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "auth/audit_stub.hpp"

#include "core/encoding.hpp"

namespace cloister::auth {

namespace {

constexpr std::uint8_t stub_version = 1;

void write_fields(byte_writer& writer, const audit_stub& stub) {
  writer.raw(stub.chain);
  writer.u64(stub.from);
  writer.raw(stub.head);
  writer.u64(stub.pruned);
  writer.i64(stub.at.milliseconds);
  writer.i64(stub.before.milliseconds);
}

bytes signed_text(const audit_stub& stub) {
  bytes out;
  byte_writer writer{out};
  writer.string("cloister audit stub 1");
  write_fields(writer, stub);
  return out;
}

} // namespace

void sign(audit_stub& stub, const crypto::secret_key& seed) {
  stub.proof = crypto::sign(seed, signed_text(stub));
}

bool is_signed_by(const audit_stub& stub, const crypto::public_key& signer) {
  return crypto::verify_signature(signer, signed_text(stub), stub.proof);
}

bytes encode_audit_stub(const audit_stub& stub) {
  bytes out;
  byte_writer writer{out};
  writer.u8(stub_version);
  write_fields(writer, stub);
  writer.raw(stub.proof);
  return out;
}

result<audit_stub> decode_audit_stub(bytes_view data) {
  byte_reader reader{data};
  auto version = reader.u8();
  audit_stub stub;
  stub.chain = reader.array<16>();
  stub.from = reader.u64();
  stub.head = reader.array<32>();
  stub.pruned = reader.u64();
  stub.at = {reader.i64()};
  stub.before = {reader.i64()};
  stub.proof = reader.array<64>();
  if (version != stub_version || !reader.complete())
    return error{errc::corrupted, "an audit stub is malformed"};
  return stub;
}

bytes stub_context(bytes_view scope_tag) {
  bytes out{"audit stub"};
  out.append(scope_tag);
  return out;
}

} // namespace cloister::auth
