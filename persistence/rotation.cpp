// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "persistence/rotation.hpp"

#include "core/encoding.hpp"
#include "crypto/aead.hpp"
#include "crypto/hash.hpp"
#include "persistence/node_identity.hpp"

namespace cloister::persistence {

namespace {

constexpr std::string_view magic = "cloister rotation 1\n";

/// Everything but the keys: whoever plants or alters the file has no key that
/// fits it.
bytes context_of(const rotation& of) {
  bytes out{"rotation"};
  byte_writer writer{out};
  writer.u32(of.version);
  writer.string(of.next_file);
  writer.string(of.file);
  writer.string(of.former_file);
  writer.u8(of.drops_passphrase ? 1 : 0);
  return out;
}

std::optional<crypto::secret_key> unwrap_one(const crypto::secret_key& under,
                                             const rotation& from,
                                             bytes_view wrapped) {
  auto inside = crypto::unwrap(under, context_of(from), wrapped);
  if (inside.has_error() || inside->size() != 1)
    return std::nullopt;
  return std::move(inside->front());
}

} // namespace

void wrap_keys(rotation& into, const crypto::secret_key& former,
               const crypto::secret_key& next) {
  auto context = context_of(into);
  const crypto::secret_key* one[] = {&next};
  into.new_under_former = crypto::wrap(former, context, one);
  one[0] = &former;
  into.former_under_new = crypto::wrap(next, context, one);
}

result<void> write_rotation(file_system& files, const std::string& path,
                            const rotation& value) {
  bytes out{magic};
  byte_writer writer{out};
  writer.u32(value.version);
  writer.string(value.new_under_former);
  writer.string(value.former_under_new);
  writer.string(value.next_file);
  writer.string(value.file);
  writer.string(value.former_file);
  writer.u8(value.drops_passphrase ? 1 : 0);
  writer.u32(crypto::checksum(out));
  return replace_file(files, path, out);
}

result<std::optional<rotation>> read_rotation(file_system& files,
                                              const std::string& path) {
  if (!files.exists(path))
    return std::optional<rotation>{};
  auto data = read_file(files, path);
  if (data.has_error())
    return data.error();
  // Being destroyed: nothing was left to be done by it.
  if (data->find_first_not_of('\0') == bytes::npos)
    return std::optional<rotation>{};
  error damaged{errc::corrupted,
                path + " is damaged; restore it from a backup"};
  if (!data->starts_with(magic) || data->size() < magic.size() + 4)
    return damaged;
  auto body = bytes_view{*data}.substr(0, data->size() - 4);
  byte_reader reader{bytes_view{*data}.substr(magic.size())};
  rotation out;
  out.version = reader.u32();
  out.new_under_former = bytes{reader.string()};
  out.former_under_new = bytes{reader.string()};
  out.next_file = std::string{reader.string()};
  out.file = std::string{reader.string()};
  out.former_file = std::string{reader.string()};
  out.drops_passphrase = reader.u8() != 0;
  auto proof = reader.u32();
  if (!reader.complete() || proof != crypto::checksum(body))
    return damaged;
  return std::optional{std::move(out)};
}

std::shared_ptr<master_keys> keys_of(const rotation& begun,
                                     const crypto::secret_key& either) {
  auto next = unwrap_one(either, begun, begun.new_under_former);
  auto former = next ? std::optional{either.duplicate()}
                     : unwrap_one(either, begun, begun.former_under_new);
  if (!former)
    return nullptr;
  auto out
    = std::make_shared<master_keys>(std::move(*former), begun.version - 1);
  out->begin(next ? std::move(*next) : either.duplicate());
  return out;
}

result<bool> is_all_under(const key_slots& slots, const master_keys& master) {
  auto version = master.version();
  for (std::uint64_t number = 0; number < slots.capacity(); ++number) {
    auto slot = slots.read(number);
    if (slot.has_error() && slot.error().code == errc::unavailable)
      return slot.error();
    if (slot.has_error() || slot->master_version == 0
        || (slot->master_version == version && slot->both_copies))
      continue;
    // What neither key opens has nothing in it.
    auto under = master.of_version(slot->master_version);
    if (under && unwrapped_slot(*under, *slot))
      return false;
  }
  return true;
}

result<std::size_t> rewrap_some(const key_slots& slots,
                                const master_keys& master, std::size_t limit,
                                write_batch& batch) {
  auto [newest, version] = master.newest();
  std::size_t out = 0;
  for (std::uint64_t number = 0; number < slots.capacity() && out < limit;
       ++number) {
    auto slot = slots.read(number);
    if (slot.has_error() && slot.error().code == errc::unavailable)
      return slot.error();
    // Those of scopes below an organization are not under the master key. Of
    // one that was written in part the second copy is still the former one.
    if (slot.has_error() || slot->master_version == 0
        || (slot->master_version == version && slot->both_copies))
      continue;
    auto under = master.of_version(slot->master_version);
    if (!under)
      continue; // Damaged, or what an attack put there: it never opened.
    auto keys = unwrapped_slot(*under, *slot);
    if (keys.has_error())
      continue;
    auto write = wrapped_slot(*newest, slot->slot, slot->owner, version, *keys);
    write.expected_generation = slot->generation;
    batch.write_slot(std::move(write));
    ++out;
  }
  return out;
}

} // namespace cloister::persistence
