// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/node_identity.hpp"

#include "core/encoding.hpp"
#include "crypto/aead.hpp"
#include "crypto/hash.hpp"
#include "crypto/random.hpp"
#include "persistence/rotation.hpp"

namespace cloister::persistence {

namespace {

constexpr std::uint8_t secrets_version = 1;
constexpr std::uint64_t node_slot = 0;

/// The caller wipes it.
bytes encode_secrets(const node_identity& node) {
  constexpr std::size_t enough = 256; // Growing would leave copies behind.
  bytes out;
  out.reserve(enough);
  byte_writer writer{out};
  writer.u8(secrets_version);
  writer.raw(node.tag.view());
  writer.raw(node.audit.view());
  writer.raw(node.signing_seed.view());
  writer.raw(node.operator_signing.view());
  writer.raw(node.recovery);
  writer.raw(node.pseudonym);
  return out;
}

} // namespace

bytes slot_context(std::uint64_t slot, const scope_tag& owner,
                   std::uint32_t master_version, std::uint32_t data_epoch) {
  bytes out{"key slot"};
  byte_writer writer{out};
  writer.u64(slot);
  writer.raw(owner);
  writer.u32(master_version);
  writer.u32(data_epoch);
  return out;
}

slot_write wrapped_slot(const crypto::secret_key& wrapping_key,
                        std::uint64_t slot, const scope_tag& owner,
                        std::uint32_t master_version, const scope_keys& keys) {
  return wrapped_slot(wrapping_key, slot, owner, master_version, keys,
                      *keys.data->now());
}

slot_write wrapped_slot(const crypto::secret_key& wrapping_key,
                        std::uint64_t slot, const scope_tag& owner,
                        std::uint32_t master_version, const scope_keys& keys,
                        const data_keys& data) {
  std::vector<const crypto::secret_key*> inside{&keys.wrapping, &data.key};
  if (data.previous)
    inside.push_back(&*data.previous);
  auto context = slot_context(slot, owner, master_version, data.epoch);
  return {slot, owner, crypto::wrap(wrapping_key, context, inside),
          master_version, data.epoch};
}

result<scope_keys> unwrapped_slot(const crypto::secret_key& wrapping_key,
                                  const key_slot& slot) {
  auto context
    = slot_context(slot.slot, slot.owner, slot.master_version, slot.data_epoch);
  auto inside = crypto::unwrap(wrapping_key, context, slot.wrapped);
  if (inside.has_error())
    return inside.error();
  if (inside->size() < 2)
    return error{errc::corrupted, "a key slot holds too few keys"};
  data_keys data{std::move((*inside)[1]), slot.data_epoch, std::nullopt};
  if (inside->size() > 2)
    data.previous = std::move((*inside)[2]);
  return scope_keys::assemble(std::move((*inside)[0]), std::move(data));
}

std::shared_ptr<const node_identity>
create_node_identity(crypto::secret_key master,
                     const crypto::public_key& recovery, write_batch& batch,
                     crypto::digest& registry_term) {
  using crypto::secret_key;
  node_identity node{scope_keys::random(),
                     secret_key::random(),
                     secret_key::random(),
                     secret_key::random(),
                     secret_key::random(),
                     recovery,
                     crypto::random_array<16>(),
                     std::make_shared<master_keys>(std::move(master), 1u)};
  auto [key_of_it, version] = node.master->newest();
  batch.write_slot(wrapped_slot(
    *key_of_it, node_slot, node_identity::tag_of_node(), version, node.keys));
  auto key = node.space().key(record_kind::secrets);
  auto plain = encode_secrets(node);
  crypto::wipe_on_exit guard{plain};
  auto sealed = crypto::seal(node.keys.control, 0, key.view(), plain);
  registry_term = crypto::keyed_hash(node.keys.fingerprint,
                                     {key.view(), crypto::tag_of(sealed)});
  batch.put(key, std::move(sealed));
  return std::make_shared<const node_identity>(std::move(node));
}

namespace {

error wrong_master_key() {
  return {errc::sealed, "the master key does not open this store; give the "
                        "right one: its file with CLOISTER_MASTER_KEY_FILE, "
                        "its passphrase, or the command that prints it"};
}

result<key_slot> read_node_slot(const key_slots& slots) {
  auto slot = slots.read(node_slot);
  if (slot || slot.error().code == errc::corrupted)
    return slot;
  return error{errc::corrupted,
               "the node's key is missing from the file `keys`, which was cut "
               "off or replaced; restore it from a backup"};
}

} // namespace

result<std::shared_ptr<master_keys>>
find_master(std::vector<crypto::secret_key> candidates,
            const std::optional<rotation>& begun, const key_slots& slots) {
  auto slot = read_node_slot(slots);
  if (slot.has_error())
    return slot.error();
  for (auto& each : candidates) {
    if (auto both = begun ? keys_of(*begun, each) : nullptr)
      return both;
    if (!unwrapped_slot(each, *slot))
      continue;
    if (begun)
      return error{errc::corrupted,
                   "the file `rotation` of the data directory is not of this "
                   "store's master key; move it away"};
    return std::make_shared<master_keys>(std::move(each), slot->master_version);
  }
  return wrong_master_key();
}

result<std::shared_ptr<const node_identity>>
open_node_identity(std::shared_ptr<master_keys> master, const store& records,
                   const key_slots& slots) {
  auto slot = read_node_slot(slots);
  if (slot.has_error())
    return slot.error();
  auto under = master->of_version(slot->master_version);
  if (!under)
    return wrong_master_key();
  auto keys = unwrapped_slot(*under, *slot);
  if (keys.has_error())
    return wrong_master_key();
  auto key = key_space{node_partition, node_identity::tag_of_node()}.key(
    record_kind::secrets);
  auto sealed = records.get(key);
  if (sealed.has_error())
    return sealed.error();
  if (!*sealed)
    return error{errc::corrupted,
                 "the node's own records are missing; no repair "
                 "can mend this, restore a backup"};
  auto plain = crypto::open(keys->control, key.view(), **sealed);
  if (plain.has_error())
    return plain.error();
  crypto::wipe_on_exit guard{*plain};
  byte_reader reader{*plain};
  if (reader.u8() != secrets_version)
    return error{errc::corrupted, "the node's secrets have an unknown version"};
  auto next_key = [&reader] {
    auto material = reader.raw(crypto::secret_key::size);
    return material.size() == crypto::secret_key::size
             ? crypto::secret_key::from_bytes(material)
             : crypto::secret_key::random();
  };
  auto tag = next_key();
  auto audit = next_key();
  auto seed = next_key();
  auto operator_signing = next_key();
  auto recovery = reader.array<32>();
  auto pseudonym = reader.array<16>();
  auto complete = reader.complete();
  if (!complete)
    return error{errc::corrupted, "the node's secrets are malformed"};
  return std::make_shared<const node_identity>(node_identity{
    std::move(*keys), std::move(tag), std::move(audit), std::move(seed),
    std::move(operator_signing), recovery, pseudonym, std::move(master)});
}

} // namespace cloister::persistence
