// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/random.hpp"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "core/assert.hpp"
#include "crypto/sodium.hpp"

namespace cloister::crypto {

namespace {

// "Fast key erasure" (D. J. Bernstein, 2017): one ChaCha20 call yields the next
// key and a buffer; what was handed out is erased at once, so a later look at
// this memory tells nothing about earlier output. A system call per nonce would
// cost as much as sealing a small record.
class generator {
public:
  generator() {
    randombytes_buf(key_, sizeof key_);
  }

  ~generator() {
    sodium_memzero(key_, sizeof key_);
    sodium_memzero(buffer_, sizeof buffer_);
  }

  void fill(std::uint8_t* out, std::size_t size) {
    while (size > 0) {
      if (at_ == sizeof buffer_)
        refill();
      auto part = std::min(size, sizeof buffer_ - at_);
      std::memcpy(out, buffer_ + at_, part);
      std::memset(buffer_ + at_, 0, part);
      at_ += part;
      out += part;
      size -= part;
    }
  }

private:
  void refill() {
    static constexpr unsigned char nonce[crypto_stream_chacha20_NONCEBYTES]{};
    unsigned char block[sizeof key_ + sizeof buffer_];
    crypto_stream_chacha20(block, sizeof block, nonce, key_);
    std::memcpy(key_, block, sizeof key_);
    std::memcpy(buffer_, block + sizeof key_, sizeof buffer_);
    sodium_memzero(block, sizeof block);
    at_ = 0;
  }

  unsigned char key_[crypto_stream_chacha20_KEYBYTES];
  std::uint8_t buffer_[736]{};
  std::size_t at_ = sizeof buffer_;
};

} // namespace

void system_random_bytes(void* out, std::size_t size) {
  randombytes_buf(out, size);
}

void random_bytes(void* out, std::size_t size) {
  thread_local generator source;
  source.fill(static_cast<std::uint8_t*>(out), size);
}

void wipe(void* memory, std::size_t size) noexcept {
  sodium_memzero(memory, size);
}

} // namespace cloister::crypto
