// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "search/scorer.hpp"

#include <algorithm>
#include <cmath>

namespace cloister::search {

namespace {

double idf_of(std::uint64_t documents, std::uint64_t frequency) {
  auto n = static_cast<double>(std::max(documents, frequency));
  auto df = static_cast<double>(frequency);
  return std::log(1.0 + (n - df + 0.5) / (df + 0.5));
}

} // namespace

scorer::scorer(const query& wanted, const corpus_statistics& statistics) {
  double ideal = 0;
  for (const auto& each : wanted.terms) {
    auto count = static_cast<double>(each.count);
    auto frequency = statistics.frequency_of(each.term);
    weights_.push_back(idf_of(statistics.documents, frequency) * count
                       * (k3 + 1) / (count + k3));
    ideal += weights_.back();
  }
  // Half a point for each term stays within the whole.
  for (auto& weight : weights_)
    weight *= static_cast<double>(full_score - wanted.terms.size()) / ideal;
  auto average = statistics.documents == 0
                   ? 1.0
                   : static_cast<double>(statistics.total_length)
                       / static_cast<double>(statistics.documents);
  for (std::size_t i = 0; i < norms_.size(); ++i) {
    auto length
      = static_cast<double>(decode_length(static_cast<length_code>(i)));
    norms_[i] = k1 * (1 - b + b * (length + pivot) / (average + pivot));
  }
}

points scorer::at_most(std::size_t term, const block_bounds& bounds) const {
  points out = 0;
  for (std::size_t i = 0; i < bounds.shortest.size(); ++i) {
    auto length = bounds.shortest[i];
    if (length == block_bounds::none)
      continue;
    // The last class has whatever comes more often; 255 may stand for more.
    auto last = i + 1 == bounds.shortest.size();
    auto tf = last ? bounds.frequency_max : i + 1;
    auto endless = last && bounds.frequency_max == 255;
    out = std::max(out, endless
                          ? rounded(term, 1.0)
                          : of(term, static_cast<std::uint32_t>(tf), length));
  }
  return out;
}

} // namespace cloister::search
