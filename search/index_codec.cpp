// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "search/index_codec.hpp"

#include <unicode/uversion.h>

#include "core/assert.hpp"
#include "core/encoding.hpp"

namespace cloister::search {

namespace {

constexpr std::uint8_t index_version = 2;

std::uint32_t unicode_version() {
  UVersionInfo version;
  u_getVersion(version);
  return static_cast<std::uint32_t>(version[0]) << 8 | version[1];
}

error malformed() {
  return {errc::corrupted, "an index's checkpoint is malformed"};
}

void write(byte_writer& out, const block_bounds& bounds) {
  for (auto each : bounds.shortest)
    out.u8(each);
  out.u8(bounds.frequency_max);
}

block_bounds read_bounds(byte_reader& in) {
  block_bounds out;
  for (auto& each : out.shortest)
    each = in.u8();
  out.frequency_max = in.u8();
  return out;
}

bytes_view view_of_data(std::span<const std::uint8_t> data) {
  return {reinterpret_cast<const char*>(data.data()), data.size()};
}

} // namespace

/// Knows the inside of lists and indexes.
class index_codec {
public:
  static bytes encode(const inverted_index& index) {
    CLOISTER_ASSERT(index.removed_count_ == 0);
    bytes out;
    byte_writer writer{out};
    writer.u8(index_version);
    writer.u32(unicode_version());
    writer.u8(static_cast<std::uint8_t>(index.language_));
    writer.u64(index.total_length_);
    writer.u32(static_cast<std::uint32_t>(index.lengths_.size()));
    writer.raw(view_of_data(index.lengths_));
    writer.u32(static_cast<std::uint32_t>(index.terms_.size()));
    for (const auto& entry : index.terms_) {
      writer.u8(entry.text_size);
      writer.raw(index.text_of(entry));
      write_list(writer, entry.postings);
    }
    return out;
  }

  static result<inverted_index> decode(bytes_view data) {
    byte_reader reader{data};
    if (reader.u8() != index_version || reader.u32() != unicode_version())
      return malformed();
    auto in = reader.u8();
    if (in >= language_names.size())
      return malformed();
    inverted_index out{static_cast<language>(in)};
    out.total_length_ = reader.u64();
    out.documents_ = reader.u32();
    auto lengths = reader.raw(out.documents_);
    out.lengths_.assign(lengths.begin(), lengths.end());
    auto terms = reader.u32();
    for (std::uint32_t i = 0; i < terms && reader.ok(); ++i) {
      auto text = reader.raw(reader.u8());
      // A text twice would make a list without a term.
      if (out.find_or_add(text) != i
          || !read_list(reader, out.terms_[i].postings, out.documents_))
        return malformed();
      out.posting_bytes_
        += static_cast<std::ptrdiff_t>(out.terms_[i].postings.heap_bytes());
    }
    if (!reader.complete())
      return malformed();
    return out;
  }

private:
  static void write_list(byte_writer& out, const posting_list& list) {
    out.u32(list.size_);
    out.u32(list.last_);
    write(out, list.tail_);
    out.string(view_of_data(list.data()));
    for (std::size_t i = 0; i < list.full_blocks(); ++i) {
      const auto& block = (*list.large_->blocks)[i];
      out.u32(block.last);
      out.u32(block.end);
      write(out, block.bounds);
    }
  }

  static bool read_list(byte_reader& in, posting_list& out,
                        std::uint64_t documents) {
    out.size_ = in.u32();
    out.last_ = in.u32();
    out.tail_ = read_bounds(in);
    auto data = in.string();
    if (!in.ok() || out.size_ > documents || out.last_ >= documents
        || data.size() < out.size_)
      return out.size_ == 0 && in.ok() && data.empty();
    if (data.size() <= out.small_.size()) {
      std::copy(data.begin(), data.end(), out.small_.begin());
      out.small_size_ = static_cast<std::uint8_t>(data.size());
      return true;
    }
    out.make_large();
    out.large_->data.assign(data.begin(), data.end());
    if (out.size_ > block_postings_max)
      out.large_->blocks = std::make_unique<std::vector<posting_list::block>>();
    std::uint32_t end = 0;
    for (auto left = (out.size_ - 1) / block_postings_max; left > 0; --left) {
      posting_list::block next;
      next.last = in.u32();
      next.end = in.u32();
      next.bounds = read_bounds(in);
      if (next.end <= end || next.end >= data.size() || next.last > out.last_)
        return false;
      end = next.end;
      out.large_->blocks->push_back(next);
    }
    return in.ok();
  }
};

bytes encode_index(const inverted_index& index) {
  return index_codec::encode(index);
}

result<inverted_index> decode_index(bytes_view data) {
  return index_codec::decode(data);
}

} // namespace cloister::search
