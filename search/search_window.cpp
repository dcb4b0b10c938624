// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "search/search_window.hpp"

#include <algorithm>

namespace cloister::search {

const posting* posting_cursor::load(std::size_t block) {
  at_ = 0;
  count_ = 0;
  block_ = block;
  if (block >= list_->blocks())
    return nullptr;
  count_ = list_->read(block, buffer_);
  return &buffer_[0];
}

const posting* posting_cursor::seek(document doc) {
  if (at_ >= count_ || buffer_[count_ - 1].doc < doc) {
    auto from = block_ == no_block ? 0 : block_;
    if (from >= list_->blocks())
      return nullptr;
    auto block = list_->block_at(doc, from);
    if ((block != block_ || count_ == 0) && load(block) == nullptr)
      return nullptr;
  }
  while (at_ < count_ && buffer_[at_].doc < doc)
    ++at_;
  return at_ < count_ ? &buffer_[at_] : nullptr;
}

block_bounds posting_cursor::bounds(document from, document to) {
  block_bounds out;
  auto block = list_->block_at(from, bounds_from_);
  bounds_from_ = block;
  for (; block < list_->blocks(); ++block) {
    out.add(list_->bounds_of(block));
    if (list_->last_of(block) >= to - 1)
      break;
  }
  return out;
}

search_window::search_window(const inverted_index& index, const query& wanted,
                             const scorer& by)
  : index_(index), scorer_(by) {
  for (std::size_t term = 0; term < wanted.terms.size(); ++term)
    if (auto list = index.postings(wanted.terms[term].term);
        list != nullptr && list->size() > 0)
      cursors_.emplace_back(*list, term);
  parts_.resize(cursors_.size());
}

void search_window::look_at(document from, document count, points threshold) {
  from_ = from;
  count_ = count;
  threshold_ = threshold;
  for (std::size_t i = 0; i < cursors_.size(); ++i) {
    auto& cursor = cursors_[i];
    parts_[i]
      = {i, scorer_.at_most(cursor.term(), cursor.bounds(from, end())), 0};
  }
  std::sort(parts_.begin(), parts_.end(),
            [](const part& a, const part& b) { return a.most < b.most; });
  points sum = 0;
  optional_ = 0;
  for (auto& each : parts_) {
    sum += each.most;
    each.most_so_far = sum;
    if (sum < threshold)
      ++optional_;
  }
  for (auto i = optional_; i < parts_.size(); ++i)
    if (parts_[i].most > 0)
      accumulate(cursors_[parts_[i].cursor]);
}

void search_window::accumulate(posting_cursor& cursor) {
  auto term = cursor.term();
  auto until = end();
  for (auto at = cursor.seek(from_); at != nullptr && at->doc < until;
       at = cursor.next()) {
    auto place = at->doc - from_;
    scores_[place]
      += scorer_.of(term, at->frequency, index_.length_of(at->doc));
    touched_[place / word_bits] |= std::uint64_t{1} << (place % word_bits);
  }
}

/// Adds the terms that were left out, as long as the document has a chance.
points search_window::complete(document doc, points score) {
  for (auto i = optional_; i-- > 0;) {
    if (score + parts_[i].most_so_far < threshold_)
      return 0;
    auto& cursor = cursors_[parts_[i].cursor];
    auto found = cursor.seek(doc);
    if (found != nullptr && found->doc == doc)
      score
        += scorer_.of(cursor.term(), found->frequency, index_.length_of(doc));
  }
  return score;
}

std::vector<points>
search_window::scores_of(const std::vector<document>& wanted) {
  std::vector<points> out(wanted.size());
  for (auto& cursor : cursors_)
    for (std::size_t i = 0; i < wanted.size(); ++i) {
      auto found = cursor.seek(wanted[i]);
      if (found == nullptr)
        break;
      if (found->doc == wanted[i])
        out[i] += scorer_.of(cursor.term(), found->frequency,
                             index_.length_of(wanted[i]));
    }
  return out;
}

} // namespace cloister::search
