// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "search/inverted_index.hpp"

#include <algorithm>

#include "core/assert.hpp"
#include "core/limits.hpp"
#include "core/string_hash.hpp"
#include "search/analyzer.hpp"

namespace cloister::search {

namespace {

constexpr std::size_t first_slots = 32;
/// Fewer words without a document are not worth a new vocabulary.
constexpr std::size_t empty_terms_kept = 1024;

/// Grows by half, and by an eighth once it is large: slack adds up.
template <class Vector>
void reserve_more(Vector& vector, std::size_t more, std::size_t first) {
  constexpr std::size_t large = 2048;
  auto wanted = vector.size() + more;
  if (wanted <= vector.capacity())
    return;
  std::size_t part = vector.size() < large ? 2 : 8;
  vector.reserve(
    std::max(wanted, vector.size() + std::max(first, vector.size() / part)));
}

/// The terms of a text; valid until the next call of this thread.
const std::vector<std::string>& terms_of(std::string_view text, language in) {
  thread_local std::vector<std::string> terms;
  analyze(text, in, terms);
  return terms;
}

static_assert(limits::term_bytes_max <= UINT8_MAX);

/// Calls `visit(value, how often)` for each distinct number.
template <class Visit>
void for_each_distinct(std::vector<std::uint32_t>& numbers, Visit visit) {
  std::sort(numbers.begin(), numbers.end());
  for (std::size_t i = 0; i < numbers.size();) {
    auto j = i + 1;
    while (j < numbers.size() && numbers[j] == numbers[i])
      ++j;
    visit(numbers[i], static_cast<std::uint32_t>(j - i));
    i = j;
  }
}

} // namespace

void inverted_index::add(document doc, std::string_view text) {
  CLOISTER_ASSERT(doc >= rows());
  const auto& terms = terms_of(text, language_);
  auto length = static_cast<std::uint32_t>(terms.size());
  if (doc >= lengths_.capacity())
    lengths_.reserve(doc + 1 + std::max<std::size_t>(8, doc / 2));
  lengths_.resize(doc + 1);
  lengths_[doc] = encode_length(length);
  // Counted by number, which sorts faster than words do.
  thread_local std::vector<std::uint32_t> numbers;
  numbers.clear();
  for (const auto& word : terms)
    numbers.push_back(find_or_add(word));
  for_each_distinct(numbers, [&](std::uint32_t term, std::uint32_t count) {
    posting_bytes_ += static_cast<std::ptrdiff_t>(
      terms_[term].postings.append({doc, count}, lengths_[doc]));
  });
  total_length_ += length;
  ++documents_;
}

void inverted_index::remove(document doc, std::string_view text) {
  const auto& terms = terms_of(text, language_);
  thread_local std::vector<std::uint32_t> numbers;
  numbers.clear();
  if (!slots_.empty())
    for (const auto& word : terms)
      numbers.push_back(number_in(place_of(word).slot));
  for_each_distinct(numbers, [&](std::uint32_t number, std::uint32_t) {
    // An index that was made elsewhere may know other words.
    if (number != 0)
      ++removed_postings_[number - 1];
  });
  total_length_ -= std::min<std::uint64_t>(total_length_, terms.size());
  --documents_;
  if (doc >= removed_.size())
    removed_.resize(doc + 1);
  removed_[doc] = true;
  ++removed_count_;
  ++removals_;
}

std::vector<document> inverted_index::purge() {
  std::vector<document> numbers(rows(), posting_list::gone);
  document next = 0;
  for (document doc = 0; doc < rows(); ++doc)
    if (!is_removed(doc)) {
      lengths_[next] = lengths_[doc];
      numbers[doc] = next++;
    }
  lengths_.resize(next);
  std::size_t empty_terms = 0;
  for (auto& entry : terms_) {
    posting_bytes_ -= entry.postings.renumber(numbers, lengths_);
    empty_terms += entry.postings.size() == 0 ? 1u : 0u;
  }
  std::vector<bool>{}.swap(removed_);
  removed_count_ = 0;
  removed_postings_ = {};
  ++removals_;
  if (empty_terms > empty_terms_kept && empty_terms > terms_.size() / 2)
    drop_empty_terms();
  return numbers;
}

std::uint64_t inverted_index::frequency(std::string_view term) const {
  if (slots_.empty())
    return 0;
  auto number = number_in(place_of(term).slot);
  if (number == 0)
    return 0;
  auto removed = removed_postings_.find(number - 1);
  std::uint64_t all = terms_[number - 1].postings.size();
  // More were removed than there were if the index was made elsewhere.
  return all
         - (removed == removed_postings_.end()
              ? 0
              : std::min<std::uint64_t>(all, removed->second));
}

/// Makes the vocabulary anew without the words that no document has any more.
void inverted_index::drop_empty_terms() {
  std::string arena;
  std::vector<term_entry> terms;
  for (auto& entry : terms_) {
    if (entry.postings.size() == 0)
      continue;
    auto text = text_of(entry);
    entry.text_at = static_cast<std::uint32_t>(arena.size());
    arena.append(text);
    terms.push_back(std::move(entry));
  }
  arena_ = std::move(arena);
  terms_ = std::move(terms);
  auto size = first_slots;
  while (terms_.size() + 1 > size / 4 * 3)
    size *= 2;
  std::vector<std::uint32_t>(size, 0).swap(slots_);
  fill_slots();
}

const posting_list* inverted_index::postings(std::string_view term) const {
  if (slots_.empty())
    return nullptr;
  auto number = number_in(place_of(term).slot);
  return number == 0 ? nullptr : &terms_[number - 1].postings;
}

inverted_index::place inverted_index::place_of(std::string_view text) const {
  constexpr int upper_half = 32;
  auto mask = static_cast<std::uint32_t>(slots_.size() - 1);
  auto hash = string_hash(text);
  auto fingerprint = static_cast<std::uint32_t>(hash >> upper_half) & ~mask;
  auto at = static_cast<std::uint32_t>(hash) & mask;
  for (; slots_[at] != 0; at = (at + 1) & mask)
    if ((slots_[at] & ~mask) == fingerprint
        && text_of(terms_[number_in(at) - 1]) == text)
      break;
  return {at, fingerprint};
}

std::uint32_t inverted_index::find_or_add(std::string_view text) {
  if (terms_.size() + 1 > slots_.size() / 4 * 3)
    grow();
  auto at = place_of(text);
  if (auto number = number_in(at.slot))
    return number - 1;
  reserve_more(terms_, 1, 16);
  reserve_more(arena_, text.size(), 64);
  term_entry entry;
  entry.text_at = static_cast<std::uint32_t>(arena_.size());
  entry.text_size = static_cast<std::uint8_t>(text.size());
  arena_.append(text);
  terms_.push_back(std::move(entry));
  auto number = static_cast<std::uint32_t>(terms_.size());
  slots_[at.slot] = at.fingerprint | number;
  return number - 1;
}

void inverted_index::grow() {
  slots_.assign(slots_.empty() ? first_slots : slots_.size() * 2, 0);
  fill_slots();
}

void inverted_index::fill_slots() {
  for (std::size_t i = 0; i < terms_.size(); ++i) {
    auto at = place_of(text_of(terms_[i]));
    slots_[at.slot] = at.fingerprint | static_cast<std::uint32_t>(i + 1);
  }
}

std::size_t inverted_index::memory_bytes() const {
  constexpr std::size_t node_bytes = 32;
  return arena_.capacity() + terms_.capacity() * sizeof(term_entry)
         + slots_.capacity() * sizeof(std::uint32_t) + lengths_.capacity()
         + static_cast<std::size_t>(posting_bytes_) + removed_.capacity() / 8
         + removed_postings_.size() * node_bytes;
}

} // namespace cloister::search
