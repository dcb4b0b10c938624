// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "search/query.hpp"

namespace cloister::search {

/// A score, as a share of what an ideal document would have. In whole numbers,
/// because their sum does not depend on the order: a search that prunes comes
/// to the same score as one that looks at everything.
using points = std::uint32_t;
constexpr points full_score = 1u << 28;

constexpr float share_of(points score) {
  return score >= full_score
           ? 1.0f
           : static_cast<float>(score) / static_cast<float>(full_score);
}

/// BM25 (S. Robertson and H. Zaragoza, "The Probabilistic Relevance Framework:
/// BM25 and Beyond", 2009) for one query and one collection:
///
///   score(d) = sum over terms of  q * idf * tf / (tf + k1 * norm(d))
///   norm(d)  = 1 - b + b * (length + pivot) / (average length + pivot)
///   idf      = ln(1 + (N - df + 0.5) / (df + 0.5))       never negative
///   q        = count * (k3 + 1) / (count + k3)           count in the query
///
/// divided by what a document would have in which every term occurs without
/// end. The pivot is our own: memories are often a line long, where one word
/// more or less says little of how much else a memory is about.
class scorer {
public:
  static constexpr double k1 = 1.2;
  static constexpr double b = 0.8;
  static constexpr double k3 = 1000;
  static constexpr double pivot = 25;

  scorer(const query& wanted, const corpus_statistics& statistics);

  /// What a term of the query adds to the score of a document.
  points of(std::size_t term, std::uint32_t frequency,
            length_code length) const {
    auto tf = static_cast<double>(frequency);
    return rounded(term, tf / (tf + norms_[length]));
  }

  /// No posting within these bounds scores more.
  points at_most(std::size_t term, const block_bounds& bounds) const;

private:
  points rounded(std::size_t term, double share) const {
    return static_cast<points>(weights_[term] * share + 0.5);
  }

  /// Of each term, in points.
  std::vector<double> weights_;
  /// k1 * norm, by length.
  std::array<double, 256> norms_{};
};

} // namespace cloister::search
