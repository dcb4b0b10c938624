// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "search/inverted_index.hpp"

#include <algorithm>
#include <memory>

#include "core/string_hash.hpp"
#include "search/analyzer.hpp"

namespace cloister::search {

namespace {

constexpr std::size_t first_slots = 32;
/// Fewer words without a document are not worth a new vocabulary.
constexpr std::size_t empty_terms_kept = 1024;

/// Grows by half: there are many small indexes, and slack adds up.
std::uint32_t grown(std::uint32_t capacity) {
  return capacity + std::max(2u, capacity / 2);
}

template <class Vector>
void reserve_one_more(Vector& vector) {
  if (vector.size() == vector.capacity())
    vector.reserve(vector.size()
                   + std::max<std::size_t>(16, vector.size() / 2));
}

/// The terms of a text; valid until the next call of this thread.
const std::vector<std::string>& terms_of(std::string_view text) {
  thread_local std::vector<std::string> terms;
  analyze(text, terms);
  return terms;
}

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

posting_list::posting_list(posting_list&& other) noexcept
  : size_(other.size_), capacity_(other.capacity_) {
  if (capacity_ > 0)
    many_ = other.many_;
  else
    one_ = other.one_;
  other.size_ = 0;
  other.capacity_ = 0;
}

posting_list& posting_list::operator=(posting_list&& other) noexcept {
  if (this != &other) {
    std::destroy_at(this);
    std::construct_at(this, std::move(other));
  }
  return *this;
}

posting_list::~posting_list() {
  if (capacity_ > 0)
    delete[] many_;
}

posting* posting_list::data() {
  return capacity_ > 0 ? many_ : &one_;
}

std::span<const posting> posting_list::view() const {
  return {capacity_ > 0 ? many_ : &one_, size_};
}

std::size_t posting_list::insert(posting added) {
  std::size_t growth = 0;
  auto room = capacity_ > 0 ? capacity_ : 1;
  if (size_ == room) {
    auto capacity = grown(room);
    auto larger = new posting[capacity];
    std::copy_n(data(), size_, larger);
    if (capacity_ > 0)
      delete[] many_;
    growth = (capacity - capacity_) * sizeof(posting);
    many_ = larger;
    capacity_ = capacity;
  }
  auto begin = data();
  auto at = begin + size_;
  if (size_ > 0 && (at - 1)->doc > added.doc)
    at = std::lower_bound(
      begin, at, added.doc,
      [](const posting& p, document d) { return p.doc < d; });
  std::copy_backward(at, begin + size_, begin + size_ + 1);
  *at = added;
  ++size_;
  return growth;
}

std::size_t posting_list::erase(const std::vector<bool>& gone) {
  auto begin = data();
  auto end = std::remove_if(begin, begin + size_, [&gone](const posting& p) {
    return p.doc < gone.size() && gone[p.doc];
  });
  size_ = static_cast<std::uint32_t>(end - begin);
  if (size_ > 0 || capacity_ == 0)
    return 0;
  auto freed = capacity_ * sizeof(posting);
  delete[] many_;
  one_ = {};
  capacity_ = 0;
  return freed;
}

void inverted_index::add(document doc, std::string_view text) {
  const auto& terms = terms_of(text);
  // Counted by number, which sorts faster than words do.
  thread_local std::vector<std::uint32_t> numbers;
  numbers.clear();
  for (const auto& word : terms)
    numbers.push_back(find_or_add(word));
  for_each_distinct(numbers, [&](std::uint32_t term, std::uint32_t count) {
    posting_bytes_ += terms_[term].postings.insert({doc, count});
  });
  if (doc < lengths_.size())
    ++removals_; // Its number was another's.
  if (doc >= lengths_.size()) {
    if (doc >= lengths_.capacity())
      lengths_.reserve(doc + 1 + std::max<std::size_t>(8, doc / 2));
    lengths_.resize(doc + 1);
  }
  lengths_[doc] = static_cast<std::uint32_t>(terms.size());
  total_length_ += terms.size();
  ++documents_;
}

void inverted_index::remove(document doc) {
  total_length_ -= lengths_[doc];
  lengths_[doc] = 0;
  --documents_;
  if (doc >= removed_.size())
    removed_.resize(doc + 1);
  removed_[doc] = true;
  ++removed_count_;
  ++removals_;
}

void inverted_index::purge() {
  std::size_t empty_terms = 0;
  for (auto& entry : terms_) {
    posting_bytes_ -= entry.postings.erase(removed_);
    empty_terms += entry.postings.view().empty() ? 1u : 0u;
  }
  std::vector<bool>{}.swap(removed_);
  removed_count_ = 0;
  ++removals_;
  if (empty_terms > empty_terms_kept && empty_terms > terms_.size() / 2)
    drop_empty_terms();
}

std::uint64_t inverted_index::frequency(std::string_view term) const {
  auto found = postings(term);
  if (removed_count_ == 0)
    return found.size();
  return static_cast<std::uint64_t>(
    std::count_if(found.begin(), found.end(), [this](const posting& p) {
      return p.doc >= removed_.size() || !removed_[p.doc];
    }));
}

/// Makes the vocabulary anew without the words that no document has any more.
void inverted_index::drop_empty_terms() {
  std::string arena;
  std::vector<term_entry> terms;
  for (auto& entry : terms_) {
    if (entry.postings.view().empty())
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

std::span<const posting> inverted_index::postings(std::string_view term) const {
  if (slots_.empty())
    return {};
  auto number = number_in(place_of(term).slot);
  return number == 0 ? std::span<const posting>{}
                     : terms_[number - 1].postings.view();
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
  reserve_one_more(terms_);
  if (arena_.size() + text.size() > arena_.capacity())
    arena_.reserve(arena_.size() + text.size()
                   + std::max<std::size_t>(64, arena_.size() / 2));
  term_entry entry;
  entry.text_at = static_cast<std::uint32_t>(arena_.size());
  entry.text_size = static_cast<std::uint32_t>(text.size());
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
  return arena_.capacity() + terms_.capacity() * sizeof(term_entry)
         + slots_.capacity() * sizeof(std::uint32_t)
         + lengths_.capacity() * sizeof(std::uint32_t) + posting_bytes_
         + removed_.capacity() / 8;
}

} // namespace cloister::search
