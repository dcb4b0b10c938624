// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "search/posting_list.hpp"

#include <algorithm>
#include <bit>
#include <memory>

#include "core/assert.hpp"

namespace cloister::search {

namespace {

constexpr unsigned mantissa_bits = 4;
constexpr std::uint32_t exact_below = 2u << mantissa_bits;
constexpr std::size_t varint_bytes_max = 5;
constexpr std::uint32_t more = 0x80;
constexpr unsigned varint_bits = 7;

std::size_t write_varint(std::uint64_t value, std::uint8_t* out) {
  std::size_t size = 0;
  for (; value >= more; value >>= varint_bits)
    out[size++] = static_cast<std::uint8_t>(value | more);
  out[size++] = static_cast<std::uint8_t>(value);
  return size;
}

std::uint64_t read_varint(const std::uint8_t*& at) {
  std::uint64_t value = *at & (more - 1);
  for (unsigned shift = varint_bits; (*at++ & more) != 0; shift += varint_bits)
    value |= std::uint64_t{*at & (more - 1)} << shift;
  return value;
}

/// Grows by a quarter: there are many lists, and slack adds up.
template <class Vector>
void make_room(Vector& vector, std::size_t for_more, std::size_t first) {
  auto wanted = vector.size() + for_more;
  if (wanted > vector.capacity())
    vector.reserve(std::max(wanted, first + vector.size() / 4 * 5));
}

} // namespace

length_code encode_length(std::uint32_t terms) {
  if (terms < exact_below)
    return static_cast<length_code>(terms);
  auto octave
    = static_cast<unsigned>(std::bit_width(terms)) - 1 - mantissa_bits;
  auto code = (octave << mantissa_bits) + (terms >> octave);
  return static_cast<length_code>(
    std::min<std::uint32_t>(code, block_bounds::none - 1));
}

std::uint32_t decode_length(length_code code) {
  if (code < exact_below)
    return code;
  auto octave = (code >> mantissa_bits) - 1u;
  return (code - (octave << mantissa_bits)) << octave;
}

void block_bounds::add(std::uint32_t frequency, length_code length) {
  auto& least = shortest[std::min<std::size_t>(frequency, shortest.size()) - 1];
  least = std::min(least, length);
  frequency_max = static_cast<std::uint8_t>(
    std::max<std::uint32_t>(frequency_max, std::min(frequency, 255u)));
}

void block_bounds::add(const block_bounds& other) {
  for (std::size_t i = 0; i < shortest.size(); ++i)
    shortest[i] = std::min(shortest[i], other.shortest[i]);
  frequency_max = std::max(frequency_max, other.frequency_max);
}

posting_list::posting_list(posting_list&& other) noexcept
  : small_(other.small_),
    size_(other.size_),
    last_(other.last_),
    tail_(other.tail_),
    small_size_(other.small_size_) {
  // The bytes of the pointer went with those of the small one.
  other.small_size_ = 0;
  other.size_ = 0;
}

posting_list& posting_list::operator=(posting_list&& other) noexcept {
  if (this != &other) {
    std::destroy_at(this);
    std::construct_at(this, std::move(other));
  }
  return *this;
}

posting_list::~posting_list() {
  if (is_large())
    delete large_;
}

void posting_list::make_large() {
  auto made = std::make_unique<large>();
  make_room(made->data, 2 * small_bytes_max, 2 * small_bytes_max);
  made->data.assign(small_.begin(), small_.begin() + small_size_);
  large_ = made.release();
  small_size_ = on_heap;
}

std::size_t posting_list::heap_bytes() const {
  if (!is_large())
    return 0;
  auto blocks = large_->blocks ? sizeof(*large_->blocks)
                                   + large_->blocks->capacity() * sizeof(block)
                               : 0;
  return sizeof(large) + large_->data.capacity() + blocks;
}

std::span<const std::uint8_t> posting_list::data() const {
  if (is_large())
    return large_->data;
  return std::span{small_}.first(small_size_);
}

std::size_t posting_list::append(posting added, length_code length) {
  CLOISTER_ASSERT(size_ == 0 || added.doc > last_);
  auto before = heap_bytes();
  if (size_ > 0 && size_ % block_postings_max == 0) {
    // The block before is full. It lies on the heap: it has 64 bytes at least.
    if (!large_->blocks)
      large_->blocks = std::make_unique<std::vector<block>>();
    make_room(*large_->blocks, 1, 1);
    large_->blocks->push_back(
      {last_, static_cast<std::uint32_t>(large_->data.size()), tail_});
    tail_ = {};
  }
  std::array<std::uint8_t, 2 * varint_bytes_max> code{};
  auto distance = size_ == 0 ? added.doc : added.doc - last_;
  auto once = added.frequency == 1;
  auto size = write_varint((std::uint64_t{distance} << 1) | (once ? 1u : 0u),
                           code.data());
  if (!once)
    size += write_varint(added.frequency, code.data() + size);
  if (!is_large() && small_size_ + size <= small_.size()) {
    std::copy_n(code.data(), size, small_.data() + small_size_);
    small_size_ = static_cast<std::uint8_t>(small_size_ + size);
  } else {
    if (!is_large())
      make_large();
    make_room(large_->data, size, small_bytes_max);
    large_->data.insert(large_->data.end(), code.data(), code.data() + size);
  }
  tail_.add(added.frequency, length);
  last_ = added.doc;
  ++size_;
  return heap_bytes() - before;
}

std::size_t posting_list::block_at(document doc, std::size_t from) const {
  if (size_ == 0 || doc > last_)
    return blocks();
  auto full = full_blocks();
  if (from >= full)
    return from;
  // Most steps are short: gallop, then halve.
  std::size_t step = 1;
  auto low = from;
  while (low + step < full && (*large_->blocks)[low + step].last < doc) {
    low += step;
    step *= 2;
  }
  const auto& blocks = *large_->blocks;
  auto begin = blocks.begin() + static_cast<std::ptrdiff_t>(low);
  auto end = blocks.begin()
             + static_cast<std::ptrdiff_t>(std::min(low + step + 1, full));
  auto found = std::lower_bound(
    begin, end, doc, [](const block& b, document d) { return b.last < d; });
  return static_cast<std::size_t>(found - blocks.begin());
}

std::size_t
posting_list::read(std::size_t which,
                   std::array<posting, block_postings_max>& out) const {
  document doc = 0;
  std::size_t from = 0;
  if (which > 0) {
    const auto& before = (*large_->blocks)[which - 1];
    doc = before.last;
    from = before.end;
  }
  auto count = which < full_blocks() ? block_postings_max
                                     : size_ - which * block_postings_max;
  auto at = data().data() + from;
  for (std::size_t i = 0; i < count; ++i) {
    auto code = read_varint(at);
    doc += static_cast<document>(code >> 1);
    auto frequency
      = (code & 1) != 0 ? 1 : static_cast<std::uint32_t>(read_varint(at));
    out[i] = {doc, frequency};
  }
  return count;
}

std::vector<posting> posting_list::all() const {
  std::vector<posting> out;
  out.reserve(size_);
  std::array<posting, block_postings_max> some;
  for (std::size_t i = 0; i < blocks(); ++i) {
    auto count = read(i, some);
    out.insert(out.end(), some.begin(), some.begin() + count);
  }
  return out;
}

std::ptrdiff_t posting_list::renumber(const std::vector<document>& numbers,
                                      const std::vector<length_code>& lengths) {
  auto before = static_cast<std::ptrdiff_t>(heap_bytes());
  posting_list kept;
  for (const auto& each : all())
    if (auto doc = numbers[each.doc]; doc != gone)
      kept.append({doc, each.frequency}, lengths[doc]);
  if (kept.is_large()) {
    kept.large_->data.shrink_to_fit();
    if (kept.large_->blocks)
      kept.large_->blocks->shrink_to_fit();
  }
  *this = std::move(kept);
  return before - static_cast<std::ptrdiff_t>(heap_bytes());
}

} // namespace cloister::search
