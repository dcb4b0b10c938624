// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

namespace cloister::search {

/// A document is a row of the scope's memory table.
using document = std::uint32_t;

/// A document's length in terms, rounded down to five significant bits, so that
/// it fits into a byte: 0 to 31 exactly, then 16 steps for each power of two.
using length_code = std::uint8_t;

length_code encode_length(std::uint32_t terms);
std::uint32_t decode_length(length_code code);

/// How often a term occurs in a document.
struct posting {
  document doc = 0;
  std::uint32_t frequency = 0;

  friend bool operator==(const posting&, const posting&) = default;
};

constexpr std::size_t block_postings_max = 64;

/// What the documents of a block cannot exceed: for those with a term once,
/// twice, or more often, the shortest; and how often at most. Tighter than one
/// pair of extremes (after A. Grand et al., "From MaxScore to Block-Max WAND",
/// 2020).
struct block_bounds {
  static constexpr length_code none = 255;

  std::array<length_code, 3> shortest{none, none, none};
  /// Saturates.
  std::uint8_t frequency_max = 0;

  void add(std::uint32_t frequency, length_code length);
  void add(const block_bounds& other);
};

/// The documents that have one term, in ascending order and compressed:
///
///   posting := varint(distance * 2 + (frequency == 1)) [varint(frequency)]
///
/// where the distance is from the document before, in blocks of
/// `block_postings_max`. A few postings need no heap: most terms of a small
/// scope occur once. One thread at a time.
class posting_list {
public:
  posting_list() = default;
  posting_list(posting_list&& other) noexcept;
  posting_list& operator=(posting_list&& other) noexcept;
  posting_list(const posting_list&) = delete;
  posting_list& operator=(const posting_list&) = delete;
  ~posting_list();

  struct block {
    document last = 0;
    /// Where it ends in the data.
    std::uint32_t end = 0;
    block_bounds bounds;
  };

  /// The document must be greater than all others. Answers by how much the heap
  /// memory grew, in bytes.
  std::size_t append(posting added, length_code length);

  /// Keeps what is not gone and numbers it anew: `renumber[doc]` is the new
  /// number, in the same order, or `gone`. Answers by how much the heap memory
  /// shrank; negative if it grew.
  static constexpr document gone = ~document{0};
  std::ptrdiff_t renumber(const std::vector<document>& numbers,
                          const std::vector<length_code>& lengths);

  /// How many postings there are, of removed documents too.
  std::uint32_t size() const {
    return size_;
  }
  document last() const {
    return last_;
  }

  std::size_t blocks() const {
    return (size_ + block_postings_max - 1) / block_postings_max;
  }
  /// The last document of a block.
  document last_of(std::size_t which) const {
    return which < full_blocks() ? (*large_->blocks)[which].last : last_;
  }
  const block_bounds& bounds_of(std::size_t which) const {
    return which < full_blocks() ? (*large_->blocks)[which].bounds : tail_;
  }
  /// The first block from `from` on that may hold a document of at least `doc`;
  /// `blocks()` if none does.
  std::size_t block_at(document doc, std::size_t from) const;

  /// Reads a block; answers how many postings it has.
  std::size_t read(std::size_t which,
                   std::array<posting, block_postings_max>& out) const;

  /// All postings, for tests and for taking a list apart.
  std::vector<posting> all() const;

private:
  friend class index_codec;

  struct large {
    std::vector<std::uint8_t> data;
    /// None as long as there is one block.
    std::unique_ptr<std::vector<block>> blocks;
  };

  static constexpr std::size_t small_bytes_max = 8;
  /// Instead of how many bytes are in use here.
  static constexpr std::uint8_t on_heap = 255;

  bool is_large() const {
    return small_size_ == on_heap;
  }
  std::size_t full_blocks() const {
    return is_large() && large_->blocks ? large_->blocks->size() : 0;
  }
  void make_large();
  std::span<const std::uint8_t> data() const;
  std::size_t heap_bytes() const;

  union {
    std::array<std::uint8_t, small_bytes_max> small_{};
    large* large_;
  };
  std::uint32_t size_ = 0;
  document last_ = 0;
  block_bounds tail_;
  std::uint8_t small_size_ = 0;
};

} // namespace cloister::search
