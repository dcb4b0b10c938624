// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "crypto/sealed_stream.hpp"

#include "core/assert.hpp"
#include "crypto/random.hpp"
#include "crypto/sodium.hpp"

namespace cloister::crypto {

namespace {

constexpr std::size_t key_bytes
  = crypto_secretstream_xchacha20poly1305_KEYBYTES;
constexpr std::size_t boxed_bytes = key_bytes + crypto_box_SEALBYTES;
constexpr std::size_t header_bytes
  = crypto_secretstream_xchacha20poly1305_HEADERBYTES;

static_assert(stream_head_bytes == boxed_bytes + header_bytes);
static_assert(stream_frame_overhead_bytes
              == crypto_secretstream_xchacha20poly1305_ABYTES);

const unsigned char* data_of(bytes_view from) {
  return reinterpret_cast<const unsigned char*>(from.data());
}
unsigned char* data_of(bytes& to) {
  return reinterpret_cast<unsigned char*>(to.data());
}

} // namespace

struct stream_sealer::state {
  crypto_secretstream_xchacha20poly1305_state inside;
  ~state() {
    wipe(&inside, sizeof inside);
  }
};

struct stream_opener::state {
  crypto_secretstream_xchacha20poly1305_state inside;
  ~state() {
    wipe(&inside, sizeof inside);
  }
};

stream_sealer::stream_sealer(const public_key& to, bytes_view context)
  : state_(std::make_unique<state>()),
    context_(context),
    head_(stream_head_bytes, '\0') {
  auto key = secret_key::random();
  auto boxed
    = crypto_box_seal(data_of(head_), key.data(), key_bytes, to.data());
  CLOISTER_ASSERT(boxed == 0);
  auto begun = crypto_secretstream_xchacha20poly1305_init_push(
    &state_->inside, data_of(head_) + boxed_bytes, key.data());
  CLOISTER_ASSERT(begun == 0);
}

stream_sealer::stream_sealer(stream_sealer&&) noexcept = default;
stream_sealer::~stream_sealer() = default;

bytes stream_sealer::seal(bytes_view plain, bool last) {
  bytes out(plain.size() + stream_frame_overhead_bytes, '\0');
  auto tag = static_cast<unsigned char>(
    last ? crypto_secretstream_xchacha20poly1305_TAG_FINAL
         : crypto_secretstream_xchacha20poly1305_TAG_MESSAGE);
  auto done = crypto_secretstream_xchacha20poly1305_push(
    &state_->inside, data_of(out), nullptr, data_of(plain), plain.size(),
    data_of(bytes_view{context_}), context_.size(), tag);
  CLOISTER_ASSERT(done == 0);
  return out;
}

stream_opener::stream_opener(std::unique_ptr<state> begun, bytes_view context)
  : state_(std::move(begun)), context_(context) {}

stream_opener::stream_opener(stream_opener&&) noexcept = default;
stream_opener::~stream_opener() = default;

result<stream_opener> stream_opener::begin(const secret_key& recovery,
                                           bytes_view context,
                                           bytes_view head) {
  if (head.size() != stream_head_bytes)
    return error{errc::corrupted, "a sealed stream is cut off"};
  auto own = recovery_public_key(recovery);
  bytes key(key_bytes, '\0');
  wipe_on_exit guard{key};
  auto opened = crypto_box_seal_open(data_of(key), data_of(head), boxed_bytes,
                                     own.data(), recovery.data());
  if (opened != 0)
    return error{errc::sealed,
                 "the recovery key does not open it: it is another store's, or "
                 "the file is damaged"};
  auto made = std::make_unique<state>();
  auto begun = crypto_secretstream_xchacha20poly1305_init_pull(
    &made->inside, data_of(head.substr(boxed_bytes)), data_of(key));
  if (begun != 0)
    return error{errc::corrupted, "a sealed stream is damaged"};
  return stream_opener{std::move(made), context};
}

result<opened_frame> stream_opener::open(bytes_view frame) {
  error damaged{errc::corrupted, "a frame is damaged, missing or out of order"};
  if (frame.size() < stream_frame_overhead_bytes)
    return damaged;
  opened_frame out;
  out.plain.resize(frame.size() - stream_frame_overhead_bytes);
  unsigned char tag = 0;
  auto done = crypto_secretstream_xchacha20poly1305_pull(
    &state_->inside, data_of(out.plain), nullptr, &tag, data_of(frame),
    frame.size(), data_of(bytes_view{context_}), context_.size());
  if (done != 0)
    return damaged;
  out.last = tag == crypto_secretstream_xchacha20poly1305_TAG_FINAL;
  return out;
}

} // namespace cloister::crypto
