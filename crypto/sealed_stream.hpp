// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <memory>

#include "core/bytes.hpp"
#include "core/error.hpp"
#include "crypto/signature.hpp"

namespace cloister::crypto {

// A stream that is sealed to a public key, such as a backup: libsodium's
// secretstream (XChaCha20-Poly1305) under a random key, which is itself in a
// sealed box (X25519, XSalsa20-Poly1305). Frames can be neither dropped nor
// reordered, and the last one says that it is.
//
//   head  := sealed key:80 header:24
//   frame := tag:1 ciphertext mac:16                     (as secretstream has
//   it)

/// Bytes of a stream's head, and that each frame adds.
constexpr std::size_t stream_head_bytes = 80 + 24;
constexpr std::size_t stream_frame_overhead_bytes = 17;

/// Seals frames in order. One thread at a time.
class stream_sealer {
public:
  /// `context` is authenticated with each frame.
  stream_sealer(const public_key& to, bytes_view context);
  stream_sealer(stream_sealer&&) noexcept;
  ~stream_sealer();

  const bytes& head() const {
    return head_;
  }
  bytes seal(bytes_view plain, bool last);

private:
  struct state;
  std::unique_ptr<state> state_;
  bytes context_;
  bytes head_;
};

/// One frame.
struct opened_frame {
  bytes plain;
  bool last = false;
};

/// Opens frames in order. One thread at a time.
class stream_opener {
public:
  /// Fails with `sealed` if the key is another one's, with `corrupted` if the
  /// head is damaged.
  static result<stream_opener> begin(const secret_key& recovery,
                                     bytes_view context, bytes_view head);
  stream_opener(stream_opener&&) noexcept;
  ~stream_opener();

  /// Fails with `corrupted` for a frame that is not the next one.
  result<opened_frame> open(bytes_view frame);

private:
  struct state;
  stream_opener(std::unique_ptr<state> begun, bytes_view context);
  std::unique_ptr<state> state_;
  bytes context_;
};

} // namespace cloister::crypto
