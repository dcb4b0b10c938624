// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/secret_key.hpp"

#include <cstring>

#include "core/assert.hpp"
#include "crypto/key_slab.hpp"
#include "crypto/random.hpp"

namespace cloister::crypto {

secret_key secret_key::random() {
  auto cell = take_key_cell();
  system_random_bytes(cell, size);
  return secret_key{cell};
}

secret_key secret_key::from_bytes(bytes_view material) {
  CLOISTER_ASSERT(material.size() == size);
  auto cell = take_key_cell();
  std::memcpy(cell, material.data(), size);
  return secret_key{cell};
}

secret_key& secret_key::operator=(secret_key&& other) noexcept {
  if (this != &other) {
    if (cell_ != nullptr)
      return_key_cell(cell_);
    cell_ = other.cell_;
    other.cell_ = nullptr;
  }
  return *this;
}

secret_key::~secret_key() {
  if (cell_ != nullptr)
    return_key_cell(cell_);
}

secret_key secret_key::duplicate() const {
  return from_bytes(view());
}

const std::uint8_t* secret_key::data() const noexcept {
  CLOISTER_ASSERT(cell_ != nullptr);
  return cell_;
}

bytes_view secret_key::view() const noexcept {
  return {reinterpret_cast<const char*>(data()), size};
}

} // namespace cloister::crypto
