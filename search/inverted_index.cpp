// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "search/inverted_index.hpp"

#include <algorithm>
#include <functional>
#include <memory>

#include "search/analyzer.hpp"

namespace cloister::search {

namespace {

constexpr std::size_t first_slots = 32;

/// Grows by half: there are many small indexes, and slack adds up.
std::uint32_t grown(std::uint32_t capacity) {
  return capacity + std::max(2u, capacity / 2);
}

template <class Vector>
void reserve_one_more(Vector& vector) {
  if (vector.size() == vector.capacity())
    vector.reserve(vector.size() + std::max<std::size_t>(16, vector.size() / 2));
}

/// The terms of a text in sorted order, for counting runs.
std::vector<std::string>& sorted_terms(std::string_view text) {
  thread_local std::vector<std::string> terms;
  analyze(text, terms);
  std::sort(terms.begin(), terms.end());
  return terms;
}

/// Calls `visit(term, frequency)` for each distinct term.
template <class Visit>
void for_each_distinct(const std::vector<std::string>& sorted, Visit visit) {
  for (std::size_t i = 0; i < sorted.size();) {
    auto j = i + 1;
    while (j < sorted.size() && sorted[j] == sorted[i])
      ++j;
    visit(sorted[i], static_cast<std::uint32_t>(j - i));
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
    at = std::lower_bound(begin, at, added.doc,
                          [](const posting& p, document d) {
                            return p.doc < d;
                          });
  std::copy_backward(at, begin + size_, begin + size_ + 1);
  *at = added;
  ++size_;
  return growth;
}

void posting_list::erase(document doc) {
  auto begin = data();
  auto end = begin + size_;
  auto at = std::lower_bound(begin, end, doc,
                             [](const posting& p, document d) {
                               return p.doc < d;
                             });
  if (at == end || at->doc != doc)
    return;
  std::copy(at + 1, end, at);
  --size_;
}

void inverted_index::add(document doc, std::string_view text) {
  const auto& terms = sorted_terms(text);
  for_each_distinct(terms, [&](const std::string& word, std::uint32_t count) {
    posting_bytes_ += find_or_add(word).postings.insert({doc, count});
  });
  if (doc >= lengths_.size()) {
    if (doc >= lengths_.capacity())
      lengths_.reserve(doc + 1 + std::max<std::size_t>(8, doc / 2));
    lengths_.resize(doc + 1);
  }
  lengths_[doc] = static_cast<std::uint32_t>(terms.size());
  total_length_ += terms.size();
  ++documents_;
}

void inverted_index::remove(document doc, std::string_view text) {
  const auto& terms = sorted_terms(text);
  for_each_distinct(terms, [&](const std::string& word, std::uint32_t) {
    if (slots_.empty())
      return;
    auto index = slots_[slot_of(word)];
    if (index != 0)
      terms_[index - 1].postings.erase(doc);
  });
  total_length_ -= lengths_[doc];
  lengths_[doc] = 0;
  --documents_;
  ++removals_;
}

std::span<const posting>
inverted_index::postings(std::string_view term) const {
  if (slots_.empty())
    return {};
  auto index = slots_[slot_of(term)];
  return index == 0 ? std::span<const posting>{}
                    : terms_[index - 1].postings.view();
}

std::size_t inverted_index::slot_of(std::string_view text) const {
  auto mask = slots_.size() - 1;
  auto at = std::hash<std::string_view>{}(text) & mask;
  while (slots_[at] != 0 && text_of(terms_[slots_[at] - 1]) != text)
    at = (at + 1) & mask;
  return at;
}

inverted_index::term_entry& inverted_index::find_or_add(std::string_view text) {
  if (terms_.size() + 1 > slots_.size() / 4 * 3)
    grow();
  auto at = slot_of(text);
  if (slots_[at] != 0)
    return terms_[slots_[at] - 1];
  reserve_one_more(terms_);
  if (arena_.size() + text.size() > arena_.capacity())
    arena_.reserve(arena_.size() + text.size()
                   + std::max<std::size_t>(64, arena_.size() / 2));
  term_entry entry;
  entry.text_at = static_cast<std::uint32_t>(arena_.size());
  entry.text_size = static_cast<std::uint32_t>(text.size());
  arena_.append(text);
  terms_.push_back(std::move(entry));
  slots_[at] = static_cast<std::uint32_t>(terms_.size());
  return terms_.back();
}

void inverted_index::grow() {
  slots_.assign(slots_.empty() ? first_slots : slots_.size() * 2, 0);
  for (std::size_t i = 0; i < terms_.size(); ++i)
    slots_[slot_of(text_of(terms_[i]))] = static_cast<std::uint32_t>(i + 1);
}

std::size_t inverted_index::memory_bytes() const {
  return arena_.capacity() + terms_.capacity() * sizeof(term_entry)
         + slots_.capacity() * sizeof(std::uint32_t)
         + lengths_.capacity() * sizeof(std::uint32_t) + posting_bytes_;
}

} // namespace cloister::search
