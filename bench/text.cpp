// SPDX-FileCopyrightText: The Cloister authors
// SPDX-License-Identifier: Apache-2.0

#include "bench/text.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <vector>

namespace cloister::bench {

namespace {

/// SplitMix64 (Steele, Lea and Flood, 2014): costs nothing to start.
class generator {
public:
  explicit generator(std::uint64_t seed) : state_(seed) {}

  std::uint64_t operator()() {
    auto z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }

private:
  std::uint64_t state_;
};

constexpr std::array subjects
  = std::to_array<std::string_view>({"Sarah",
                                     "Her manager",
                                     "The customer",
                                     "Miguel",
                                     "The whole team",
                                     "Aiko",
                                     "The landlord",
                                     "Priya",
                                     "His daughter",
                                     "The support agent",
                                     "Tom",
                                     "Lena",
                                     "The accountant",
                                     "Our supplier",
                                     "The doctor",
                                     "Yusuf",
                                     "The client",
                                     "Grandmother",
                                     "The new hire",
                                     "Oliver"});
constexpr std::array verbs
  = std::to_array<std::string_view>({"prefers",
                                     "asked about",
                                     "cancelled",
                                     "ordered",
                                     "dislikes",
                                     "recommended",
                                     "postponed",
                                     "paid for",
                                     "lost",
                                     "is allergic to",
                                     "upgraded",
                                     "returned",
                                     "complained about",
                                     "wants to compare",
                                     "forgot",
                                     "reviewed",
                                     "collects",
                                     "repaired",
                                     "is learning about",
                                     "moved",
                                     "booked",
                                     "translated",
                                     "shared",
                                     "no longer needs"});
constexpr std::array adjectives = std::to_array<std::string_view>(
  {"quarterly", "vegetarian", "dark",       "annual",   "cheap",
   "northern",  "broken",     "second",     "wireless", "handmade",
   "urgent",    "Italian",    "early",      "spare",    "digital",
   "quiet",     "organic",    "refundable", "blue",     "monthly",
   "antique",   "encrypted",  "spicy",      "overdue",  "longer"});
constexpr std::array nouns = std::to_array<std::string_view>(
  {"reports",     "meals",       "mode",          "insurance",
   "flights",     "invoices",    "bicycle",       "appointment",
   "headphones",  "peanuts",     "subscription",  "contract",
   "garden",      "passport",    "printer",       "lessons",
   "deliveries",  "curtains",    "warranty",      "laptop",
   "recipes",     "meetings",    "novels",        "mortgage",
   "vaccination", "apartment",   "backups",       "concert tickets",
   "kitchen",     "migration",   "hotel",         "sneakers",
   "coffee",      "spreadsheet", "chess openings"});
constexpr std::array endings = std::to_array<std::string_view>(
  {"on weekdays", "since March", "because of the price", "before the holidays",
   "after the move to Lisbon", "in the morning", "for the Berlin office",
   "with a colleague", "until further notice", "at the weekend", "by email",
   "during winter", "for two people", "near the station", "without telling us",
   "when travelling", "every other week", "over the phone"});

/// Neighbouring numbers must not share what they draw.
constexpr std::uint64_t streams_apart = 0xd1342543de82ef95;

template <class Words>
std::string_view any(const Words& words, generator& random) {
  return words[random() % words.size()];
}

std::string sentence_from(generator& random) {
  constexpr std::uint64_t numbers = 9000;
  std::string out{any(subjects, random)};
  for (auto word : {any(verbs, random), any(adjectives, random),
                    any(nouns, random), any(endings, random)})
    out.append(" ").append(word);
  // Order numbers, prices and the like occur once.
  if (random() % 4 == 0)
    out.append(", number ").append(std::to_string(random() % numbers));
  return out + '.';
}

} // namespace

std::string sentence(std::uint64_t number) {
  generator random{number * streams_apart};
  return sentence_from(random);
}

std::string prose(std::uint64_t number, std::size_t bytes) {
  generator random{number * streams_apart};
  auto out = sentence_from(random);
  // Half a sentence short is as near as half a sentence long.
  for (auto half = out.size() / 2; out.size() + half < bytes;)
    out.append(" ").append(sentence_from(random));
  return out;
}

namespace {

constexpr std::size_t vocabulary_size = 30'000;

/// Pronounceable, the common ones short; and how often each comes, added up.
struct vocabulary {
  std::vector<std::string> words;
  std::vector<double> cumulative;

  vocabulary() {
    constexpr std::string_view consonants = "bcdfghklmnprstvw";
    constexpr std::string_view vowels = "aeiou";
    generator random{streams_apart};
    std::set<std::string> known;
    double total = 0;
    while (words.size() < vocabulary_size) {
      std::string word;
      auto syllables
        = 1 + words.size() / 64 % 3 + (words.size() > 2000 ? 1 : 0);
      for (std::size_t i = 0; i < syllables; ++i) {
        word += consonants[random() % consonants.size()];
        word += vowels[random() % vowels.size()];
      }
      word += consonants[random() % consonants.size()];
      if (!known.insert(word).second)
        continue;
      words.push_back(word);
      constexpr double shift = 3;
      total += 1 / (static_cast<double>(words.size()) + shift);
      cumulative.push_back(total);
    }
  }

  const std::string& any(generator& random) const {
    constexpr double steps = 1 << 30;
    auto at
      = static_cast<double>(random() % (1u << 30)) / steps * cumulative.back();
    auto found = std::upper_bound(cumulative.begin(), cumulative.end(), at);
    return words[static_cast<std::size_t>(found - cumulative.begin())
                 % words.size()];
  }
};

const vocabulary& all_words() {
  static const vocabulary words;
  return words;
}

std::vector<std::string> zipf_words(std::uint64_t number, std::size_t bytes) {
  generator random{(number + 1) * streams_apart};
  std::vector<std::string> out;
  for (std::size_t size = 0; size < bytes; size += out.back().size() + 1)
    out.push_back(all_words().any(random));
  return out;
}

} // namespace

std::string zipf_text(std::uint64_t number, std::size_t bytes) {
  std::string out;
  for (const auto& word : zipf_words(number, bytes))
    out += (out.empty() ? "" : " ") + word;
  return out;
}

std::string zipf_query(std::uint64_t number, std::uint64_t texts,
                       std::size_t bytes) {
  constexpr std::size_t words_min = 3;
  constexpr std::size_t words_more = 6;
  generator random{~number};
  auto words = zipf_words(random() % texts, bytes);
  std::string out;
  for (auto left = words_min + random() % words_more; left > 0; --left)
    out += words[random() % words.size()] + ' ';
  return out;
}

std::string noise(std::uint64_t number, std::size_t bytes) {
  generator random{number * streams_apart};
  std::string out(bytes, '\0');
  for (auto& byte : out)
    byte = static_cast<char>(random());
  return out;
}

} // namespace cloister::bench
