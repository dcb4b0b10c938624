// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/organization_records.hpp"

#include "crypto/aead.hpp"
#include "crypto/random.hpp"

namespace cloister::persistence {

namespace {

constexpr std::uint8_t secrets_version = 1;

error damaged() {
  return {errc::corrupted, "an organization's secrets record is malformed or "
                           "of an unknown version"};
}

/// The caller wipes it.
bytes encode_organization_keys(const organization_keys& keys) {
  constexpr std::size_t key_bytes = crypto::secret_key::size + 1;
  bytes out;
  // Growing would leave copies behind.
  out.reserve(2 + (3 + keys.signing.size()) * key_bytes);
  byte_writer writer{out};
  writer.u8(secrets_version);
  writer.raw(keys.tag.view());
  writer.raw(keys.id.view());
  writer.raw(keys.audit.view());
  writer.u8(static_cast<std::uint8_t>(keys.signing.size()));
  for (const auto& [version, key] : keys.signing) {
    writer.u8(version);
    writer.raw(key.view());
  }
  return out;
}

} // namespace

registry_addition put_organization_keys(const scope_identity& owner,
                                        write_batch& batch) {
  auto key = owner.space().key(record_kind::secrets);
  auto plain = encode_organization_keys(*owner.organization);
  crypto::wipe_on_exit guard{plain};
  auto sealed = crypto::seal(owner.keys.control, 0, key.view(), plain);
  registry_addition addition{bytes{key.view()}, bytes{crypto::tag_of(sealed)}};
  batch.put(key, std::move(sealed));
  return addition;
}

std::shared_ptr<const organization_keys> fresh_organization_keys() {
  using crypto::secret_key;
  auto keys = std::make_shared<organization_keys>(organization_keys{
    secret_key::random(), secret_key::random(), secret_key::random(), {}});
  keys->signing.emplace_back(std::uint8_t{1}, secret_key::random());
  return keys;
}

result<std::shared_ptr<const organization_keys>>
read_organization_keys(const store& records, const scope_identity& owner) {
  auto key = owner.space().key(record_kind::secrets);
  auto sealed = records.get(key);
  if (sealed.has_error())
    return sealed.error();
  if (!*sealed)
    return error{errc::corrupted, "an organization's secrets are missing; run "
                                  "`cloister doctor`"};
  auto plain = crypto::open(owner.keys.control, key.view(), **sealed);
  if (plain.has_error())
    return plain.error();
  crypto::wipe_on_exit guard{*plain};
  byte_reader reader{*plain};
  if (reader.u8() != secrets_version
      || reader.rest().size() < 3 * crypto::secret_key::size + 1)
    return damaged();
  auto next_key = [&reader] {
    return crypto::secret_key::from_bytes(reader.raw(crypto::secret_key::size));
  };
  auto tag = next_key();
  auto id = next_key();
  auto audit = next_key();
  auto keys = std::make_shared<organization_keys>(
    organization_keys{std::move(tag), std::move(id), std::move(audit), {}});
  auto count = reader.u8();
  for (int i = 0; i < count; ++i) {
    if (reader.rest().size() < 1 + crypto::secret_key::size)
      return damaged();
    auto version = reader.u8();
    keys->signing.emplace_back(version, next_key());
  }
  if (keys->signing.empty())
    return damaged();
  return std::shared_ptr<const organization_keys>{std::move(keys)};
}

result<organization_settings> settings_of(const store& records,
                                          const scope_identity& owner) {
  auto key = owner.space().key(record_kind::settings);
  auto sealed = records.get(key);
  if (sealed.has_error())
    return sealed.error();
  if (!*sealed)
    return organization_settings{};
  auto plain = crypto::open(owner.keys.control, key.view(), **sealed);
  if (plain.has_error())
    return plain.error();
  return decode_settings(*plain);
}

result<void> read_settings(const store& records,
                           const scope_identity& organization) {
  auto settings = settings_of(records, organization);
  if (settings.has_error())
    return settings.error();
  organization.settings->become(*settings);
  return {};
}

} // namespace cloister::persistence
